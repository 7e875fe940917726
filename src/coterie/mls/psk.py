"""Pre-shared keys: RFC 9420 section 8.4."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from coterie.errors import RemoteProtocolError
from coterie.mls.codec import Reader, encode_opaque, encode_uint8, encode_uint16, encode_uint64
from coterie.mls.suites import CipherSuite
from coterie.secret import Secret, derived

if TYPE_CHECKING:
    from coterie.mls.group import Group
    from coterie.mls.policy import Policy

MAX_PSKS = 2**16 - 1  # of one commit: PSKLabel counts them in 16 bits


class PskNotAvailable(RemoteProtocolError):
    """A commit or Welcome mixes in a pre-shared key that this client does not have; others may have it."""


class ResumptionUsage(IntEnum):
    """``enum ResumptionPSKUsage``."""

    APPLICATION = 1
    REINIT = 2
    BRANCH = 3


@dataclass(frozen=True, slots=True)
class ExternalPsk:
    """A key from outside, by its id."""

    psk_id: bytes
    psk_nonce: bytes

    @classmethod
    def fresh(cls, suite: CipherSuite, psk_id: bytes) -> "ExternalPsk":
        """With a random nonce of Nh bytes, for one commit of a group of that suite."""
        return cls(psk_id, secrets.token_bytes(suite.nh))

    def encode(self) -> bytes:
        """``PreSharedKeyID``."""
        return encode_uint8(1) + encode_opaque(self.psk_id) + encode_opaque(self.psk_nonce)


@dataclass(frozen=True, slots=True)
class ResumptionPsk:
    """The resumption_psk of an epoch."""

    usage: ResumptionUsage
    psk_group_id: bytes
    psk_epoch: int
    psk_nonce: bytes

    @classmethod
    def fresh(
        cls,
        suite: CipherSuite,
        group: "Group",
        epoch: int | None = None,
        usage: ResumptionUsage = ResumptionUsage.APPLICATION,
    ) -> "ResumptionPsk":
        """Of an epoch of ``group``, its present one unless named; ``suite`` is that of the group it goes into.

        The nonce is random. BRANCH and REINIT are what ``branch`` and ``reinitialise`` make.
        """
        psk_epoch = group.epoch if epoch is None else epoch
        return cls(usage, group.group_id, psk_epoch, secrets.token_bytes(suite.nh))

    def encode(self) -> bytes:
        """``PreSharedKeyID``."""
        return (
            encode_uint8(2)
            + encode_uint8(self.usage)
            + encode_opaque(self.psk_group_id)
            + encode_uint64(self.psk_epoch)
            + encode_opaque(self.psk_nonce)
        )


PreSharedKeyId = ExternalPsk | ResumptionPsk


def read_psk_id(reader: Reader) -> PreSharedKeyId:
    """``PreSharedKeyID`` from the wire."""
    psk_type = reader.uint8()
    if psk_type == 1:
        return ExternalPsk(reader.opaque(), reader.opaque())
    if psk_type != 2:  # noqa: PLR2004  # enum PSKType
        raise RemoteProtocolError(f"PSK type {psk_type}")
    try:
        usage = ResumptionUsage(reader.uint8())
    except ValueError:
        raise RemoteProtocolError("resumption PSK usage unknown") from None
    return ResumptionPsk(usage, reader.opaque(), reader.uint64(), reader.opaque())


def psk_secret(suite: CipherSuite, psks: Sequence[tuple[PreSharedKeyId, Secret]]) -> Secret:
    """``psk_secret`` from the PSKs in their order; zeros for none."""
    secret = Secret(bytes(suite.nh))
    for index, (psk_id, psk) in enumerate(psks):
        extracted = suite.extract(bytes(suite.nh), psk.expose())
        label = psk_id.encode() + encode_uint16(index) + encode_uint16(len(psks))
        psk_input = suite.expand_with_label(extracted, b"derived psk", label, suite.nh)
        secret = suite.extract(psk_input.expose(), secret.expose())
    return derived("mls.psk_secret", secret)


def combine_psks(
    suite: CipherSuite,
    psk_ids: Sequence[PreSharedKeyId],
    policy: "Policy",
    known: "Group | None",
) -> Secret:
    """``psk_secret`` of PSKs that the policy has, or that are resumption_psks of the group ``known``.

    Raises PskNotAvailable.
    """
    found = []
    for psk_id in psk_ids:
        psk = policy.psk(psk_id)
        if (
            psk is None
            and known is not None
            and isinstance(psk_id, ResumptionPsk)
            and psk_id.psk_group_id == known.group_id
        ):
            psk = known.resumption_psk(psk_id.psk_epoch)
        if psk is None:
            raise PskNotAvailable("a PSK is mixed in that is not here")
        found.append((psk_id, psk))
    return psk_secret(suite, found)
