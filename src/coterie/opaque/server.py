"""The server's side of registration and login: RFC 9807 sections 5.2 and 6.2.

It sees a blinded element, a record that cannot be tested without ``oprf_seed``, and MACs; never a password.
"""

import hmac
import secrets
from dataclasses import dataclass

from coterie.errors import NotAuthenticated, RemoteProtocolError
from coterie.opaque import ake, envelope, group, oprf
from coterie.opaque.client import KE1_SIZE, REQUEST_SIZE, credential_response_pad, xor
from coterie.opaque.envelope import ENVELOPE_SIZE, NH, NN, NPK, NSEED, RECORD_SIZE, Identities
from coterie.secret import Secret, derived


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """What the server keeps in a file of its own, apart from the database."""

    oprf_seed: Secret  # 64 bytes
    private_key: Secret  # 32 bytes
    public_key: bytes  # 32 bytes

    @classmethod
    def generate(cls) -> "ServerKeys":
        """For a server's first start."""
        return cls.load(Secret(secrets.token_bytes(NH)), group.random_scalar())

    @classmethod
    def load(cls, oprf_seed: Secret, private_key: Secret) -> "ServerKeys":
        """From what was kept."""
        return cls(oprf_seed, private_key, group.multiply_base(private_key))

    def oprf_key(self, credential_identifier: bytes) -> Secret:
        """The OPRF key of one name, known or not."""
        info = credential_identifier + b"OprfKey"
        seed = envelope.expand(self.oprf_seed, info, group.SCALAR_SIZE)
        key, _ = oprf.derive_key_pair(seed, b"OPAQUE-DeriveKeyPair")
        return derived("opaque.oprf_key", key)


def registration_response(keys: ServerKeys, request: bytes, credential_identifier: bytes) -> bytes:
    """``CreateRegistrationResponse``: 64 bytes. Raises RemoteProtocolError."""
    if len(request) != REQUEST_SIZE:
        raise RemoteProtocolError(f"registration request of {len(request)} bytes")
    return oprf.blind_evaluate(keys.oprf_key(credential_identifier), request) + keys.public_key


def check_record(record: bytes) -> None:
    """Raises RemoteProtocolError for what cannot be a registration record."""
    if len(record) != RECORD_SIZE:
        raise RemoteProtocolError(f"registration record of {len(record)} bytes")
    group.decode_element(record[:NPK])


def fake_record() -> bytes:
    """The record of everybody who does not exist: made once, kept beside the real ones. Section 6.3.2.2."""
    _, public = envelope.derive_dh_key_pair(Secret(secrets.token_bytes(NSEED)))
    return public + secrets.token_bytes(NH) + bytes(ENVELOPE_SIZE)


@dataclass(frozen=True, slots=True)
class Randomness:
    """Random but for vectors."""

    masking_nonce: bytes
    server_nonce: bytes
    server_keyshare_seed: Secret

    @classmethod
    def fresh(cls) -> "Randomness":
        """96 bytes from the system."""
        return cls(
            secrets.token_bytes(NN), secrets.token_bytes(NN), Secret(secrets.token_bytes(NSEED))
        )


@dataclass(frozen=True, slots=True)
class ServerLogin:
    """A login that has been answered with KE2. It is a failure until ``finish`` returns."""

    ke2: bytes
    _expected_client_mac: Secret
    _session_key: Secret

    def finish(self, ke3: bytes) -> Secret:
        """``ServerFinish``: the session_key. Raises NotAuthenticated (ClientAuthenticationError)."""
        if not hmac.compare_digest(ke3, self._expected_client_mac.expose()):
            raise NotAuthenticated("wrong name or password")
        return self._session_key


def respond(  # the RFC's own list
    keys: ServerKeys,
    record: bytes,
    ke1: bytes,
    *,
    credential_identifier: bytes,
    context: bytes,
    identities: Identities,
    randomness: Randomness | None = None,
) -> ServerLogin:
    """``GenerateKE2``, for a real record or the fake one. Raises RemoteProtocolError for what is no KE1."""
    if len(ke1) != KE1_SIZE:
        raise RemoteProtocolError(f"KE1 of {len(ke1)} bytes")
    drawn = randomness or Randomness.fresh()
    client_public_key, masking_key = record[:NPK], Secret(record[NPK : NPK + NH])
    blinded, client_keyshare = ke1[:REQUEST_SIZE], group.decode_element(ke1[-NPK:])

    pad = credential_response_pad(masking_key, drawn.masking_nonce)
    credential_response = (
        oprf.blind_evaluate(keys.oprf_key(credential_identifier), blinded)
        + drawn.masking_nonce
        + xor(pad, keys.public_key + record[NPK + NH :])
    )
    private_keyshare, public_keyshare = envelope.derive_dh_key_pair(drawn.server_keyshare_seed)
    ikm = Secret(
        group.multiply(private_keyshare, client_keyshare)
        + group.multiply(keys.private_key, client_keyshare)
        + group.multiply(private_keyshare, group.decode_element(client_public_key))
    )
    transcript = ake.preamble(
        context,
        Identities(identities.server or keys.public_key, identities.client or client_public_key),
        ke1,
        credential_response,
        drawn.server_nonce,
        public_keyshare,
    )
    derived_keys = ake.derive_keys(ikm, transcript)
    server_mac = envelope.mac(derived_keys.km2, envelope.sha512(transcript))
    expected = envelope.mac(derived_keys.km3, envelope.sha512(transcript + server_mac))
    ke2 = credential_response + drawn.server_nonce + public_keyshare + server_mac
    return ServerLogin(ke2, Secret(expected), derived_keys.session_key)
