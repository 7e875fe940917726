"""TLS around the channel, at the client: how a server's certificate is judged, and what is said of one that fails."""

import ssl
from types import MappingProxyType

from coterie.errors import InvalidInput, Unavailable
from coterie.wire.invite import TLS_SCHEME, Address
from coterie.wire.tls import ALPN, Trust, pin_of, show_pin

_CLOCK = "its operator has to renew it; see also that this machine's clock is right"
_VOUCH = (
    "give the authority's certificate with --ca FILE, or, once you have compared it with the operator, "
    "the key with --tls-pin PIN: `coterie serve` prints it"
)
_CERTIFICATE = MappingProxyType(  # by OpenSSL's X509_V_ERR_*
    {
        2: ("was issued by nobody who is trusted here", _VOUCH),
        9: ("is not valid yet", _CLOCK),
        10: ("has expired", _CLOCK),
        18: ("is self-signed: nobody vouches for it", _VOUCH),
        19: ("was issued by nobody who is trusted here", _VOUCH),
        20: ("was issued by nobody who is trusted here", _VOUCH),
        21: ("was issued by nobody who is trusted here", _VOUCH),
        62: ("is for another name", "check the address; its operator's certificate must name it"),
        64: ("is for another address", "reach it by the name that its certificate has"),
    }
)
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST")
_OLD_TLS = ("TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL")


class CertificateRefused(Unavailable):
    """What answers there did not show that it is the server's machine; the channel was not begun.

    It is tried again: certificates are renewed, and strange networks are left.
    """


def context_for(trust: Trust) -> ssl.SSLContext:
    """TLS 1.3 and nothing older. Raises InvalidInput where the authorities are no certificates."""
    try:
        context = ssl.create_default_context(cadata=trust.authorities or None)
    except ssl.SSLError as error:
        raise InvalidInput("the authorities to trust are no certificates in PEM") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([ALPN])
    if trust.is_by_pin_alone:
        # The handshake proves the possession of the key all the same: RFC 8446 section 4.4.3.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def check(address: Address, trust: Trust, tls: ssl.SSLObject) -> None:
    """After the handshake, what OpenSSL does not look at. Raises CertificateRefused, Unavailable."""
    if trust.pins:
        pin = _pin(address, tls)
        if pin not in trust.pins:
            pinned = " or ".join(map(show_pin, trust.pins))
            raise CertificateRefused(
                f"the certificate of {address} has another key than the pinned one",
                hint=f"its key is {show_pin(pin)}, pinned is {pinned}: ask the operator, and if the new one is right, "
                f"run `coterie reach {address} --tls-pin PIN`",
            )
    if tls.selected_alpn_protocol() != ALPN:
        raise Unavailable(
            f"{address} speaks TLS, but not for Coterie",
            hint=f"check host and port; a proxy in front of the server must offer {ALPN} by ALPN",
        )


def _pin(address: Address, tls: ssl.SSLObject) -> bytes:
    try:
        return pin_of(tls.getpeercert(binary_form=True) or b"")
    except ValueError as error:
        raise CertificateRefused(
            f"the certificate of {address} has a key of an unknown kind, and not the pinned one",
            hint="ask the operator what the server's certificate is",
        ) from error


def refusal(address: Address, error: ssl.SSLError) -> Unavailable:
    """The sentence for a handshake that failed."""
    reason = error.reason or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        what, hint = _CERTIFICATE.get(
            error.verify_code, (f"is refused: {error.verify_message.lower().rstrip('.')}", _VOUCH)
        )
        return CertificateRefused(f"the certificate of {address} {what}", hint=hint)
    if reason in _NO_TLS:
        return Unavailable(
            f"what answers at {address} does not speak TLS",
            hint=f"check host and port, and whether the server's invites begin with {TLS_SCHEME}",
        )
    if reason in _OLD_TLS:
        return Unavailable(
            f"{address} speaks no TLS 1.3", hint="check host and port: Coterie has nothing older"
        )
    told = reason.replace("_", " ").lower() or type(error).__name__
    return Unavailable(f"the TLS handshake with {address} failed: {told}")
