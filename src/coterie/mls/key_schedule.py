"""The key schedule: RFC 9420 section 8."""

from dataclasses import dataclass

from coterie.mls.codec import Reader, encode_opaque
from coterie.mls.group_context import GroupContext
from coterie.mls.suites import CipherSuite
from coterie.secret import Secret, derived


@dataclass(frozen=True, slots=True)
class EpochSecrets:
    """What an epoch needs while it lasts; encryption_secret has gone into the secret tree.

    ``epoch_secret`` and ``joiner_secret`` are not kept: section 8 deletes them when these are derived.
    """

    init_secret: Secret
    sender_data_secret: Secret
    exporter_secret: Secret
    external_secret: Secret
    confirmation_key: Secret
    membership_key: Secret
    resumption_psk: Secret
    epoch_authenticator: Secret

    def encode(self) -> bytes:
        """To be kept encrypted at rest."""
        return b"".join(encode_opaque(getattr(self, name).expose()) for name in self.__slots__)

    @classmethod
    def decode(cls, reader: Reader) -> "EpochSecrets":
        """What ``encode`` gave."""
        return cls(*(Secret(reader.opaque()) for _ in cls.__slots__))


@dataclass(frozen=True, slots=True)
class Epoch:
    """The start of an epoch, from a commit or a Welcome."""

    secrets: EpochSecrets
    encryption_secret: Secret
    joiner_secret: Secret
    welcome_secret: Secret


def joiner_secret(
    suite: CipherSuite, init_secret: Secret, commit_secret: Secret, context: GroupContext
) -> Secret:
    """``joiner_secret`` of the epoch that ``context`` describes."""
    extracted = suite.extract(init_secret.expose(), commit_secret.expose())
    return derived(
        "mls.joiner_secret",
        suite.expand_with_label(extracted, b"joiner", context.encode(), suite.nh),
    )


def welcome_secret(suite: CipherSuite, joiner: Secret, psk_secret: Secret) -> Secret:
    """What the GroupInfo in a Welcome is under."""
    member_secret = suite.extract(joiner.expose(), psk_secret.expose())
    return derived("mls.welcome_secret", suite.derive_secret(member_secret, b"welcome"))


def begin_epoch(
    suite: CipherSuite, joiner: Secret, psk_secret: Secret, context: GroupContext
) -> Epoch:
    """All secrets of the epoch."""
    member_secret = suite.extract(joiner.expose(), psk_secret.expose())
    epoch_secret = derived(
        "mls.epoch_secret",
        suite.expand_with_label(member_secret, b"epoch", context.encode(), suite.nh),
    )

    def derive(label: str, name: str) -> Secret:
        return derived(f"mls.{name}", suite.derive_secret(epoch_secret, label.encode()))

    secrets = EpochSecrets(
        init_secret=derive("init", "init_secret"),
        sender_data_secret=derive("sender data", "sender_data_secret"),
        exporter_secret=derive("exporter", "exporter_secret"),
        external_secret=derive("external", "external_secret"),
        confirmation_key=derive("confirm", "confirmation_key"),
        membership_key=derive("membership", "membership_key"),
        resumption_psk=derive("resumption", "resumption_psk"),
        epoch_authenticator=derive("authentication", "epoch_authenticator"),
    )
    return Epoch(
        secrets,
        encryption_secret=derive("encryption", "encryption_secret"),
        joiner_secret=joiner,
        welcome_secret=welcome_secret(suite, joiner, psk_secret),
    )


def export(
    suite: CipherSuite, exporter_secret: Secret, label: bytes, context: bytes, length: int
) -> Secret:
    """``MLS-Exporter``: section 8.5."""
    secret = suite.derive_secret(exporter_secret, label)
    return suite.expand_with_label(secret, b"exported", suite.hash(context), length)


def external_key_pair(suite: CipherSuite, external_secret: Secret) -> tuple[Secret, bytes]:
    """``external_priv`` and ``external_pub``: section 8.3."""
    return suite.hpke.kem.derive_key_pair(external_secret)


EXTERNAL_INIT_LABEL = b"MLS 1.0 external init secret"  # section 8.3
