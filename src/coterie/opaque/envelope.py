"""How the client gets its keys back from the password: RFC 9807 section 4."""

import hmac
from dataclasses import dataclass

from coterie.errors import RemoteProtocolError
from coterie.opaque.functions import NH, NN, NSEED, derive_dh_key_pair, expand, mac, vector
from coterie.opaque.group import ELEMENT_SIZE, Element, decode_element
from coterie.opaque.messages import MASKED_RESPONSE_SIZE, RegistrationRecord
from coterie.secret import Secret, derived


@dataclass(frozen=True, slots=True)
class Identities:
    """Who the two are. Where one is None, its public key stands for it (``CreateCleartextCredentials``)."""

    server: bytes | None
    client: bytes | None

    def of(self, server_public_key: bytes, client_public_key: bytes) -> tuple[bytes, bytes]:
        """The server's and the client's."""
        return (
            server_public_key if self.server is None else self.server,
            client_public_key if self.client is None else self.client,
        )


@dataclass(frozen=True, slots=True)
class Recovered:
    """What ``Recover`` gives."""

    client_private_key: Secret
    client_public_key: Element
    server_public_key: Element
    export_key: Secret


def store(
    randomized_password: Secret,
    server_public_key: Element,
    identities: Identities,
    envelope_nonce: bytes,
) -> tuple[RegistrationRecord, Secret]:
    """``Store`` (section 4.1.2), with the 32 bytes it draws: the record for the server, and the export_key."""
    keys, auth_tag = _derive(randomized_password, server_public_key, identities, envelope_nonce)
    _, client_public_key, export_key = keys
    key = masking_key(randomized_password).expose()
    record = RegistrationRecord(client_public_key, key, envelope_nonce + auth_tag)
    return record, export_key


def recover(randomized_password: Secret, unmasked: bytes, identities: Identities) -> Recovered:
    """``Recover`` (section 4.1.3), from the server's public key and the envelope.

    Raises RemoteProtocolError (EnvelopeRecoveryError): it was another password, or another identity.
    """
    server_public_key, envelope = unmasked[:ELEMENT_SIZE], unmasked[ELEMENT_SIZE:]
    nonce, auth_tag = envelope[:NN], envelope[NN:]
    keys, expected_tag = _derive(randomized_password, server_public_key, identities, nonce)
    if not hmac.compare_digest(auth_tag, expected_tag):
        raise RemoteProtocolError("EnvelopeRecoveryError")
    private_key, public_key, export_key = keys
    return Recovered(private_key, public_key, decode_element(server_public_key), export_key)


def masking_key(randomized_password: Secret) -> Secret:
    """64 bytes. The server has it too, and makes ``credential_response_pad`` of it alone."""
    return derived("opaque.masking_key", expand(randomized_password, b"MaskingKey", NH))


def credential_response_pad(key: Secret, masking_nonce: bytes) -> bytes:
    """128 bytes under the masking key: sections 6.3.2.2 and 6.3.2.3."""
    info = masking_nonce + b"CredentialResponsePad"
    return expand(key, info, MASKED_RESPONSE_SIZE).expose()


def _derive(
    randomized_password: Secret, server_public_key: bytes, identities: Identities, nonce: bytes
) -> tuple[tuple[Secret, Element, Secret], bytes]:
    """Private key, public key and export_key, and the ``auth_tag`` over the cleartext credentials."""
    auth_key = derived("opaque.auth_key", expand(randomized_password, nonce + b"AuthKey", NH))
    export_key = derived("opaque.export_key", expand(randomized_password, nonce + b"ExportKey", NH))
    seed = expand(randomized_password, nonce + b"PrivateKey", NSEED)
    private_key, public_key = derive_dh_key_pair(seed)
    server_identity, client_identity = identities.of(server_public_key, public_key)
    credentials = server_public_key + vector(server_identity) + vector(client_identity)
    return (private_key, public_key, export_key), mac(auth_key, nonce + credentials)
