"""Authorities and the certificates that they issue, made when a test needs them."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from coterie.wire.tls import pin_of

HOST = "127.0.0.1"


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pin(self) -> bytes:
        return pin_of(self.der)

    def key_pem(self, passphrase: bytes | None = None) -> bytes:
        sealing = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealing)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Its files, which replace those of another."""
        paths = folder / "chain.pem", folder / "key.pem"
        for path, content in zip(paths, (self.pem.encode(), self.key_pem()), strict=True):
            new = path.with_suffix(".new")
            new.write_bytes(content)
            new.rename(path)
        return paths


class Authority:
    """Issues certificates. ``own`` is the one that people trust."""

    def __init__(self, own: Issued) -> None:
        self.own = own

    @classmethod
    def make(cls) -> Self:
        key = new_key()
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        name = _name("an authority")
        builder = (
            _builder(name, name, key, 0, 10)
            .add_extension(constraints, critical=True)
            .add_extension(usage, critical=True)
        )
        return cls(Issued(builder.sign(key, SHA256()), key))

    def issue(
        self,
        host: str = HOST,
        *,
        from_day: int = -1,
        until_day: int = 90,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> Issued:
        """One for ``host``; days count from today."""
        key = key or new_key()
        issuer = self.own.certificate.subject
        builder = _builder(_name("a server"), issuer, key, from_day, until_day)
        builder = builder.add_extension(_names(host), critical=False).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.own.key.public_key()),
            critical=False,
        )
        return Issued(builder.sign(self.own.key, SHA256()), key)


def self_signed(host: str = HOST, *, until_day: int = 90) -> Issued:
    """One for ``host`` that nobody vouches for."""
    key, name = new_key(), _name("a server alone")
    builder = _builder(name, name, key, min(-1, until_day - 1), until_day)
    return Issued(builder.add_extension(_names(host), critical=False).sign(key, SHA256()), key)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _names(host: str) -> x509.SubjectAlternativeName:
    try:
        return x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
    except ValueError:
        return x509.SubjectAlternativeName([x509.DNSName(host)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    from_day: int,
    until_day: int,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=from_day, hours=-1))
        .not_valid_after(now + timedelta(days=until_day))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
