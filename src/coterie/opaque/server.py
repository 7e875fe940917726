"""The server's side of registration and login: RFC 9807 sections 5.2 and 6.2.

It sees a blinded element, MACs, and a record that cannot be tested without ``oprf_seed``; never a password.
"""

import hmac
import secrets
from dataclasses import dataclass

from coterie.errors import NotAuthenticated, StorageError
from coterie.opaque import ake, group, oprf
from coterie.opaque.envelope import Identities, credential_response_pad
from coterie.opaque.functions import (
    NH,
    NN,
    NSEED,
    derive_dh_key_pair,
    expand,
    xor,
)
from coterie.opaque.group import Element
from coterie.opaque.messages import (
    ENVELOPE_SIZE,
    KE1,
    AuthResponse,
    CredentialResponse,
    RegistrationRecord,
    RegistrationRequest,
    RegistrationResponse,
)
from coterie.secret import Secret, derived


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """What the server keeps in a file of its own, apart from the database: PROTOCOL.md section 5."""

    oprf_seed: Secret  # 64 bytes
    private_key: Secret  # 32 bytes
    public_key: Element

    @classmethod
    def generate(cls) -> "ServerKeys":
        """For a server's first start."""
        return cls.of(Secret(secrets.token_bytes(NH)), group.random_scalar())

    @classmethod
    def of(cls, oprf_seed: Secret, private_key: Secret) -> "ServerKeys":
        """Raises LocalProtocolError where the private key is no scalar."""
        return cls(oprf_seed, private_key, group.multiply_base(group.decode_scalar(private_key)))

    def encode(self) -> Secret:
        """96 bytes: seed, private key."""
        return Secret(self.oprf_seed.expose() + self.private_key.expose())

    @classmethod
    def decode(cls, encoded: Secret) -> "ServerKeys":
        """What ``encode`` gave. Raises StorageError for another size, LocalProtocolError for another content."""
        if len(encoded) != NH + group.SCALAR_SIZE:
            raise StorageError(f"OPAQUE keys of {len(encoded)} bytes, must be 96")
        exposed = encoded.expose()
        return cls.of(Secret(exposed[:NH]), Secret(exposed[NH:]))

    def oprf_key(self, credential_identifier: bytes) -> Secret:
        """The OPRF key of one name, known or not: there is one for every name."""
        seed = expand(self.oprf_seed, credential_identifier + b"OprfKey", group.SCALAR_SIZE)
        key, _ = oprf.derive_key_pair(seed, b"OPAQUE-DeriveKeyPair")
        return derived("opaque.oprf_key", key)


def registration_response(keys: ServerKeys, request: bytes, credential_identifier: bytes) -> bytes:
    """``CreateRegistrationResponse``: 64 bytes. Raises RemoteProtocolError."""
    blinded_element = RegistrationRequest.decode(request).blinded_message
    evaluated = oprf.blind_evaluate(keys.oprf_key(credential_identifier), blinded_element)
    return RegistrationResponse(evaluated, keys.public_key).encode()


def check_record(record: bytes) -> None:
    """Raises RemoteProtocolError for what cannot be a registration record. Before one is stored."""
    RegistrationRecord.decode(record)


def fake_record(keys: ServerKeys) -> bytes:
    """The record of everybody who does not exist, 192 bytes: kept beside the real ones. Section 6.3.2.2.

    Derived, so that nodes and restored servers have the same one; to who lacks ``oprf_seed`` it is random.
    """
    drawn = expand(keys.oprf_seed, b"coterie/1 fake record", NSEED + NH).expose()
    _, client_public_key = derive_dh_key_pair(Secret(drawn[:NSEED]))
    return RegistrationRecord(client_public_key, drawn[NSEED:], bytes(ENVELOPE_SIZE)).encode()


@dataclass(frozen=True, slots=True)
class Randomness:
    """What the server draws for one login; given only by vectors."""

    masking_nonce: bytes
    server_nonce: bytes
    server_keyshare_seed: Secret

    @classmethod
    def draw(cls) -> "Randomness":
        """From the system."""
        nonces = secrets.token_bytes(NN), secrets.token_bytes(NN)
        return cls(*nonces, Secret(secrets.token_bytes(NSEED)))


@dataclass(frozen=True, slots=True)
class ServerLogin:
    """A login that was answered with KE2. It is a failure until ``finish`` has returned."""

    _expected_client_mac: Secret
    _session_key: Secret

    @classmethod
    def respond(
        cls,
        keys: ServerKeys,
        record: bytes,
        ke1: bytes,
        *,
        credential_identifier: bytes,
        context: bytes,
        server_identity: bytes | None,
        client_identity: bytes | None,
        randomness: Randomness | None = None,
    ) -> tuple[bytes, "ServerLogin"]:
        """``GenerateKE2``: KE2 (320 bytes) and the state that waits for KE3.

        The same for a real record and the fake one. An identity that is None is the public key. About 0.5 ms.
        Raises RemoteProtocolError for what is no KE1.
        """
        request = KE1.decode(ke1)
        kept = RegistrationRecord.decode(record)
        drawn = randomness or Randomness.draw()
        response = _credential_response(
            keys, kept, request, credential_identifier, drawn.masking_nonce
        )
        private_keyshare, public_keyshare = derive_dh_key_pair(drawn.server_keyshare_seed)
        identities = Identities(server_identity, client_identity)
        transcript = ake.preamble(
            context,
            *identities.of(keys.public_key, kept.client_public_key),
            ke1,
            response.encode(),
            drawn.server_nonce,
            public_keyshare,
        )
        done = ake.authenticate(
            group.multiply(private_keyshare, request.client_public_keyshare),
            group.multiply(keys.private_key, request.client_public_keyshare),
            group.multiply(private_keyshare, kept.client_public_key),
            transcript,
        )
        answer = AuthResponse(drawn.server_nonce, public_keyshare, done.server_mac)
        state = cls(Secret(done.client_mac), done.session_key)
        return response.encode() + answer.encode(), state

    def finish(self, ke3: bytes) -> Secret:
        """``ServerFinish``: the session_key, 64 bytes. Raises NotAuthenticated (ClientAuthenticationError)."""
        if not hmac.compare_digest(ke3, self._expected_client_mac.expose()):
            raise NotAuthenticated("wrong name or password")
        return self._session_key


def _credential_response(
    keys: ServerKeys,
    record: RegistrationRecord,
    ke1: KE1,
    credential_identifier: bytes,
    masking_nonce: bytes,
) -> CredentialResponse:
    """``CreateCredentialResponse``: section 6.3.2.2."""
    evaluated = oprf.blind_evaluate(keys.oprf_key(credential_identifier), ke1.blinded_message)
    pad = credential_response_pad(Secret(record.masking_key), masking_nonce)
    masked_response = xor(pad, keys.public_key + record.envelope)
    return CredentialResponse(evaluated, masking_nonce, masked_response)
