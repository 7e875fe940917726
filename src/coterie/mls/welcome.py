"""Welcome, GroupInfo and GroupSecrets: RFC 9420 section 12.4.3."""

from dataclasses import dataclass, replace

from coterie.errors import RuleViolation
from coterie.mls.codec import (
    Reader,
    decode,
    encode_opaque,
    encode_optional,
    encode_uint16,
    encode_uint32,
    encode_vector,
)
from coterie.mls.commit import HpkeCiphertext
from coterie.mls.extension import Extension, encode_extensions, read_extensions
from coterie.mls.group_context import GroupContext
from coterie.mls.psk import PreSharedKeyId, read_psk_id
from coterie.mls.suites import CipherSuite
from coterie.secret import Secret


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """``struct GroupInfo``."""

    group_context: GroupContext
    extensions: tuple[Extension, ...]
    confirmation_tag: bytes
    signer: int
    signature: bytes = b""

    def _tbs(self) -> bytes:
        return (
            self.group_context.encode()
            + encode_extensions(self.extensions)
            + encode_opaque(self.confirmation_tag)
            + encode_uint32(self.signer)
        )

    def encode(self) -> bytes:
        """The wire form."""
        return self._tbs() + encode_opaque(self.signature)

    @classmethod
    def decode(cls, reader: Reader) -> "GroupInfo":
        """Takes it from the wire."""
        return cls(
            GroupContext.decode(reader),
            read_extensions(reader),
            reader.opaque(),
            reader.uint32(),
            reader.opaque(),
        )

    def signed(self, suite: CipherSuite, private: Secret) -> "GroupInfo":
        """The same under the signer's key."""
        return replace(self, signature=suite.sign_with_label(private, b"GroupInfoTBS", self._tbs()))

    def verify(self, suite: CipherSuite, signature_key: bytes) -> None:
        """Raises RuleViolation unless the signature holds."""
        if not suite.verify_with_label(signature_key, b"GroupInfoTBS", self._tbs(), self.signature):
            raise RuleViolation("group-info-signature")


@dataclass(frozen=True, slots=True)
class GroupSecrets:
    """``struct GroupSecrets``."""

    joiner_secret: Secret
    path_secret: Secret | None
    psks: tuple[PreSharedKeyId, ...]

    def encode(self) -> bytes:
        """The wire form."""
        path = None if self.path_secret is None else encode_opaque(self.path_secret.expose())
        return (
            encode_opaque(self.joiner_secret.expose())
            + encode_optional(path)
            + encode_vector(psk.encode() for psk in self.psks)
        )

    @classmethod
    def decode(cls, reader: Reader) -> "GroupSecrets":
        """Takes it from the wire."""
        joiner_secret = Secret(reader.opaque())
        path_secret = reader.optional(Reader.opaque)
        return cls(
            joiner_secret,
            None if path_secret is None else Secret(path_secret),
            reader.vector(read_psk_id),
        )


@dataclass(frozen=True, slots=True)
class EncryptedGroupSecrets:
    """``struct EncryptedGroupSecrets``."""

    new_member: bytes  # KeyPackageRef
    encrypted_group_secrets: HpkeCiphertext

    def encode(self) -> bytes:
        """The wire form."""
        return encode_opaque(self.new_member) + self.encrypted_group_secrets.encode()

    @classmethod
    def decode(cls, reader: Reader) -> "EncryptedGroupSecrets":
        """Takes it from the wire."""
        return cls(reader.opaque(), HpkeCiphertext.decode(reader))


@dataclass(frozen=True, slots=True)
class Welcome:
    """``struct Welcome``."""

    cipher_suite: int
    secrets: tuple[EncryptedGroupSecrets, ...]
    encrypted_group_info: bytes

    def encode(self) -> bytes:
        """The wire form."""
        return (
            encode_uint16(self.cipher_suite)
            + encode_vector(secret.encode() for secret in self.secrets)
            + encode_opaque(self.encrypted_group_info)
        )

    @classmethod
    def decode(cls, reader: Reader) -> "Welcome":
        """Takes it from the wire."""
        return cls(reader.uint16(), reader.vector(EncryptedGroupSecrets.decode), reader.opaque())

    def open_secrets(
        self, suite: CipherSuite, reference: bytes, init_private: Secret
    ) -> GroupSecrets:
        """What is for the key package of that reference. Raises RemoteProtocolError."""
        # "If no such field exists ... return an error" (section 12.4.3.1)
        mine = next((s for s in self.secrets if s.new_member == reference), None)
        if mine is None:
            raise RuleViolation("welcome-recipient", "it is not for this key package")
        sealed = mine.encrypted_group_secrets
        opened = suite.decrypt_with_label(
            init_private,
            b"Welcome",
            self.encrypted_group_info,
            sealed.kem_output,
            sealed.ciphertext,
        )
        return decode(GroupSecrets.decode, opened)

    def open_group_info(self, suite: CipherSuite, welcome_secret: Secret) -> GroupInfo:
        """The GroupInfo, not yet verified. Raises RemoteProtocolError."""
        key, nonce = welcome_key_and_nonce(suite, welcome_secret)
        return decode(GroupInfo.decode, suite.open(key, nonce, b"", self.encrypted_group_info))


def seal_group_info(suite: CipherSuite, welcome_secret: Secret, group_info: GroupInfo) -> bytes:
    """``encrypted_group_info``."""
    key, nonce = welcome_key_and_nonce(suite, welcome_secret)
    return suite.seal(key, nonce, b"", group_info.encode())


def welcome_key_and_nonce(suite: CipherSuite, welcome_secret: Secret) -> tuple[Secret, bytes]:
    """``welcome_key`` and ``welcome_nonce``."""
    return (
        suite.expand_with_label(welcome_secret, b"key", b"", suite.nk),
        suite.expand_with_label(welcome_secret, b"nonce", b"", suite.nn).expose(),
    )
