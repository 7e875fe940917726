"""The server's TLS certificate and its key, loaded again when their files change: a renewal needs no restart."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from coterie.errors import StorageError
from coterie.logs import get_logger
from coterie.wire.tls import ALPN, pin_of, show_pin

log = get_logger()


@dataclass(frozen=True, slots=True)
class _Loaded:
    context: ssl.SSLContext
    pin: bytes


class Certificate:
    """Files in PEM: the certificate with those between it and the authority, and its private key.

    Raises StorageError where they cannot be used.
    """

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain, self._key = chain, key
        self._stamps = self._look()
        self._loaded = self._load()

    @property
    def pin(self) -> bytes:
        """32 bytes, by which a client may know it."""
        return self._loaded.pin

    def context(self) -> ssl.SSLContext:
        """For one connection: of the files as they are, or as they were when they could last be used."""
        stamps = self._look()
        if stamps != self._stamps:
            self._stamps = stamps  # one attempt for each change: what is broken is told once
            try:
                self._loaded = self._load()
            except StorageError as error:
                log.warning("certificate-not-loaded", error=str(error), kept=show_pin(self.pin))
        return self._loaded.context

    def _look(self) -> list[tuple[int, int, int] | None]:
        """By what a change shows. Both files may be links that are led elsewhere."""
        return [_stamp(path) for path in (self._chain, self._key)]

    def _load(self) -> _Loaded:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols([ALPN])
        context.num_tickets = 0  # nobody resumes: each connection sees the certificate of its time
        pin, until = self._read_chain()
        _read(self._key)
        try:
            context.load_cert_chain(self._chain, self._key, self._refuse_passphrase)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise StorageError(f"{self._key} is not the key of {self._chain}") from error
            reason = (error.reason or str(error)).replace("_", " ").lower()
            raise StorageError(f"{self._key} holds no private key for TLS: {reason}") from error
        except OSError as error:
            raise StorageError(f"{self._key} cannot be read: {error.strerror}") from error
        log.info("certificate-loaded", pin=show_pin(pin), valid_until=until.isoformat())
        if until < datetime.now(UTC):
            log.warning("certificate-expired", valid_until=until.isoformat())
        return _Loaded(context, pin)

    def _read_chain(self) -> tuple[bytes, datetime]:
        """Pin and end of the first certificate, which is the server's."""
        try:
            first = x509.load_pem_x509_certificates(_read(self._chain))[0]
            return pin_of(first.public_bytes(Encoding.DER)), first.not_valid_after_utc
        except ValueError as error:
            raise StorageError(f"{self._chain} holds no certificate in PEM") from error

    def _refuse_passphrase(self) -> str:
        """OpenSSL would ask on the terminal, and a service has none."""
        raise StorageError(
            f"{self._key} has a passphrase",
            hint="`openssl pkey -in FILE -out OTHER` writes it without; keep it readable by the server alone",
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None  # said where it is loaded
    return found.st_mtime_ns, found.st_size, found.st_ino
