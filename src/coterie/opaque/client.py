"""The client's side of registration and login: RFC 9807 sections 5.2 and 6.2. All failures are one error."""

import hmac
import secrets

from coterie.errors import NotAuthenticated, RemoteProtocolError
from coterie.opaque import ake, envelope, group, oprf
from coterie.opaque.envelope import ENVELOPE_SIZE, NM, NN, NPK, NSEED, Identities
from coterie.opaque.stretch import ARGON2ID, Stretch
from coterie.secret import Secret, derived

REQUEST_SIZE = group.ELEMENT_SIZE
RESPONSE_SIZE = group.ELEMENT_SIZE + NPK
CREDENTIAL_RESPONSE_SIZE = group.ELEMENT_SIZE + NN + NPK + ENVELOPE_SIZE
KE1_SIZE = REQUEST_SIZE + NN + NPK
KE2_SIZE = CREDENTIAL_RESPONSE_SIZE + NN + NPK + NM


class Registration:
    """One registration. ``blind`` and ``envelope_nonce`` are random but for vectors."""

    def __init__(
        self, password: Secret, stretch: Stretch = ARGON2ID, *, blind: Secret | None = None
    ) -> None:
        self._password = password
        self._stretch = stretch
        self._blind = blind or group.random_scalar()

    def request(self) -> bytes:
        """``CreateRegistrationRequest``: 32 bytes."""
        return oprf.blind(self._password, self._blind)

    def finish(
        self, response: bytes, identities: Identities, *, envelope_nonce: bytes | None = None
    ) -> tuple[bytes, Secret]:
        """``FinalizeRegistrationRequest``: the record (192 bytes) and the export_key (64).

        Stretches the password: run it in a thread. Raises RemoteProtocolError.
        """
        if len(response) != RESPONSE_SIZE:
            raise RemoteProtocolError(f"registration response of {len(response)} bytes")
        server_public_key = group.decode_element(response[group.ELEMENT_SIZE :])
        randomized = _randomized_password(
            self._password, self._blind, response[: group.ELEMENT_SIZE], self._stretch
        )
        nonce = envelope_nonce or secrets.token_bytes(NN)
        return envelope.store(randomized, server_public_key, identities, nonce)


class Login:
    """One login. The parameters behind ``stretch`` are random but for vectors."""

    def __init__(
        self,
        password: Secret,
        stretch: Stretch = ARGON2ID,
        *,
        blind: Secret | None = None,
        client_nonce: bytes | None = None,
        client_keyshare_seed: Secret | None = None,
    ) -> None:
        self._password = password
        self._stretch = stretch
        self._blind = blind or group.random_scalar()
        seed = client_keyshare_seed or Secret(secrets.token_bytes(NSEED))
        self._secret, public_keyshare = envelope.derive_dh_key_pair(seed)
        self._ke1 = (
            oprf.blind(password, self._blind)
            + (client_nonce or secrets.token_bytes(NN))
            + public_keyshare
        )

    def ke1(self) -> bytes:
        """``GenerateKE1``: 96 bytes."""
        return self._ke1

    def finish(
        self, ke2: bytes, *, context: bytes, identities: Identities
    ) -> tuple[bytes, Secret, Secret]:
        """``GenerateKE3``: KE3 (64 bytes), session_key (64), export_key (64).

        Stretches the password: run it in a thread. Raises NotAuthenticated, whatever the cause: a wrong password,
        an unknown name, a server that does not know the record, another context.
        """
        try:
            return self._finish(ke2, context, identities)
        except RemoteProtocolError:
            raise NotAuthenticated("wrong name or password") from None

    def _finish(
        self, ke2: bytes, context: bytes, identities: Identities
    ) -> tuple[bytes, Secret, Secret]:
        if len(ke2) != KE2_SIZE:
            raise RemoteProtocolError(f"KE2 of {len(ke2)} bytes")
        credential_response, rest = (
            ke2[:CREDENTIAL_RESPONSE_SIZE],
            ke2[CREDENTIAL_RESPONSE_SIZE:],
        )
        server_nonce, server_keyshare, server_mac = rest[:NN], rest[NN : NN + NPK], rest[NN + NPK :]
        credentials = self._recover(credential_response, identities)
        group.decode_element(server_keyshare)
        group.decode_element(credentials.server_public_key)
        ikm = Secret(
            group.multiply(self._secret, server_keyshare)
            + group.multiply(self._secret, credentials.server_public_key)
            + group.multiply(credentials.client_private_key, server_keyshare)
        )
        transcript = ake.preamble(
            context,
            credentials.identities,
            self._ke1,
            credential_response,
            server_nonce,
            server_keyshare,
        )
        keys = ake.derive_keys(ikm, transcript)
        expected_mac = envelope.mac(keys.km2, envelope.sha512(transcript))
        if not hmac.compare_digest(server_mac, expected_mac):
            raise RemoteProtocolError("ServerAuthenticationError")
        ke3 = envelope.mac(keys.km3, envelope.sha512(transcript + expected_mac))
        return ke3, keys.session_key, credentials.export_key

    def _recover(self, credential_response: bytes, identities: Identities) -> envelope.Credentials:
        """``RecoverCredentials``: section 6.3.2.3."""
        evaluated, rest = (
            credential_response[: group.ELEMENT_SIZE],
            credential_response[group.ELEMENT_SIZE :],
        )
        masking_nonce, masked_response = rest[:NN], rest[NN:]
        randomized = _randomized_password(self._password, self._blind, evaluated, self._stretch)
        pad = credential_response_pad(envelope.masking_key_of(randomized), masking_nonce)
        unmasked = xor(pad, masked_response)
        return envelope.recover(randomized, unmasked[:NPK], unmasked[NPK:], identities)


def credential_response_pad(masking_key: Secret, masking_nonce: bytes) -> bytes:
    """128 bytes, for server and client."""
    info = masking_nonce + b"CredentialResponsePad"
    return envelope.expand(masking_key, info, NPK + ENVELOPE_SIZE).expose()


def xor(a: bytes, b: bytes) -> bytes:
    """Of two strings of one length."""
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")


def _randomized_password(
    password: Secret, blind: Secret, evaluated: bytes, stretch: Stretch
) -> Secret:
    oprf_output = oprf.finalize(password, blind, evaluated)
    stretched = stretch.stretch(oprf_output)
    ikm = Secret(oprf_output.expose() + stretched.expose())
    return derived("opaque.randomized_password", envelope.extract(ikm))
