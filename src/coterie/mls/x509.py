"""X.509 credentials: RFC 9420 section 5.3.

What all clients check alike is here: that the chain is one, and that it certifies the leaf's signature key. Whether it
leads to somebody who is trusted, and for whom, the application says.
Imported by who wants it alone: reading certificates takes a quarter of the time that all else takes to load.
"""

from collections.abc import Callable, Mapping, Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coterie.errors import RuleViolation
from coterie.mls.credential import X509Credential
from coterie.mls.leaf_node import LeafNode
from coterie.mls.policy import TakeAll
from coterie.secret import Secret


class TakeCertified(TakeAll):
    """Takes whom the application trusts: ``check_chain`` gets each leaf's certificates, the end entity's first.

    It raises RuleViolation for those that it does not take. Leaves with another credential are refused.
    """

    def __init__(
        self,
        check_chain: Callable[[Sequence[x509.Certificate]], None],
        psks: Mapping[bytes, Secret] | None = None,
    ) -> None:
        super().__init__(psks)
        self._check_chain = check_chain

    def check_leaf(self, leaf: LeafNode, replaced: LeafNode | None) -> None:
        """Its certificate is of its signature key, and the application takes the chain."""
        self._check_chain(certified_chain(leaf))


def certificates(credential: X509Credential) -> tuple[x509.Certificate, ...]:
    """The chain, the end entity first. Raises RuleViolation for what is no certificate, and for none."""
    if not credential.certificates:
        raise RuleViolation("x509-empty")
    try:
        return tuple(map(x509.load_der_x509_certificate, credential.certificates))
    except ValueError as error:
        raise RuleViolation("x509-not-a-certificate") from error


def certified_chain(leaf: LeafNode) -> tuple[x509.Certificate, ...]:
    """The chain of a leaf, which certifies its signature key.

    Not verified: neither signatures, dates nor names. Raises RuleViolation, also for another type of credential.
    """
    if not isinstance(leaf.credential, X509Credential):
        raise RuleViolation("x509-credential", f"type {leaf.credential.credential_type}")
    chain = certificates(leaf.credential)
    # "The public key encoded in the subjectPublicKeyInfo of the end-entity certificate MUST be identical to the
    # signature_key in the LeafNode" (section 5.3)
    if _signature_key(chain[0]) != leaf.signature_key:
        raise RuleViolation("x509-signature-key")
    return chain


def _signature_key(certificate: x509.Certificate) -> bytes | None:
    """As a leaf has it; None for a type that no suite signs with."""
    try:
        public = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(public, Ed25519PublicKey):
        return public.public_bytes_raw()
    if isinstance(public, EllipticCurvePublicKey):
        return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return None
