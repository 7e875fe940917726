"""The client's side of registration and login: RFC 9807 sections 5.2 and 6.2."""

import hmac
import secrets

from coterie.errors import LocalProtocolError, NotAuthenticated, RemoteProtocolError
from coterie.opaque import ake, envelope, group, oprf
from coterie.opaque.envelope import Identities
from coterie.opaque.functions import NN, NSEED, derive_dh_key_pair, extract, xor
from coterie.opaque.group import Element
from coterie.opaque.messages import KE1, CredentialResponse, RegistrationResponse, decode_ke2
from coterie.opaque.stretch import ARGON2ID, Stretch
from coterie.secret import Secret, derived


class ClientRegistration:
    """One registration, for a new account or a new password. ``blind`` is random but for vectors."""

    def __init__(
        self, password: Secret, stretch: Stretch = ARGON2ID, *, blind: Secret | None = None
    ) -> None:
        self._password = _BlindedPassword(password, stretch, blind)

    def request(self) -> bytes:
        """``CreateRegistrationRequest``: 32 bytes."""
        return self._password.blinded_message

    def finish(
        self,
        response: bytes,
        *,
        server_identity: bytes | None,
        client_identity: bytes | None,
        envelope_nonce: bytes | None = None,
    ) -> tuple[bytes, Secret]:
        """``FinalizeRegistrationRequest``: the record (192 bytes) and the export_key (64).

        An identity that is None is the public key. Stretches the password, which takes a tenth of a second and 64 MiB:
        run it in a thread. Raises RemoteProtocolError.
        """
        parsed = RegistrationResponse.decode(response)
        record, export_key = envelope.store(
            self._password.randomized(parsed.evaluated_message),
            parsed.server_public_key,
            Identities(server_identity, client_identity),
            secrets.token_bytes(NN) if envelope_nonce is None else envelope_nonce,
        )
        return record.encode(), export_key


class ClientLogin:
    """One login. All behind ``stretch`` is random but for vectors."""

    def __init__(
        self,
        password: Secret,
        stretch: Stretch = ARGON2ID,
        *,
        blind: Secret | None = None,
        client_nonce: bytes | None = None,
        client_keyshare_seed: Secret | None = None,
    ) -> None:
        self._password: _BlindedPassword | None = _BlindedPassword(password, stretch, blind)
        drawn = Secret(secrets.token_bytes(NSEED))
        seed = drawn if client_keyshare_seed is None else client_keyshare_seed
        self._client_secret, client_public_keyshare = derive_dh_key_pair(seed)
        self._ke1 = KE1(
            self._password.blinded_message,
            secrets.token_bytes(NN) if client_nonce is None else client_nonce,
            client_public_keyshare,
        ).encode()

    def ke1(self) -> bytes:
        """``GenerateKE1``: 96 bytes."""
        return self._ke1

    def finish(
        self,
        ke2: bytes,
        *,
        context: bytes,
        server_identity: bytes | None,
        client_identity: bytes | None,
    ) -> tuple[bytes, Secret, Secret]:
        """``GenerateKE3``: KE3 (64 bytes), the session_key (64) and the export_key (64). Once.

        An identity that is None is the public key. Stretches the password: run it in a thread. Raises
        NotAuthenticated whatever the cause: the password, the name, the channel, a server that has not the record.
        """
        password, self._password = self._password, None
        if password is None:
            raise LocalProtocolError("a login is finished once")
        try:
            return self._finish(
                password, ke2, context, Identities(server_identity, client_identity)
            )
        except RemoteProtocolError:  # which one it was is nobody's business
            raise NotAuthenticated("wrong name or password") from None

    def _finish(
        self, password: "_BlindedPassword", ke2: bytes, context: bytes, identities: Identities
    ) -> tuple[bytes, Secret, Secret]:
        credential_response, auth_response = decode_ke2(ke2)
        recovered = _recover_credentials(password, credential_response, identities)
        # AuthClientFinalize: section 6.4.3
        transcript = ake.preamble(
            context,
            *identities.of(recovered.server_public_key, recovered.client_public_key),
            self._ke1,
            credential_response.encode(),
            auth_response.server_nonce,
            auth_response.server_public_keyshare,
        )
        done = ake.authenticate(
            group.multiply(self._client_secret, auth_response.server_public_keyshare),
            group.multiply(self._client_secret, recovered.server_public_key),
            group.multiply(recovered.client_private_key, auth_response.server_public_keyshare),
            transcript,
        )
        # "Clients MUST NOT use the output export_key before authenticating the peer"
        if not hmac.compare_digest(auth_response.server_mac, done.server_mac):
            raise RemoteProtocolError("ServerAuthenticationError")
        return done.client_mac, done.session_key, recovered.export_key


def _recover_credentials(
    password: "_BlindedPassword", response: CredentialResponse, identities: Identities
) -> envelope.Recovered:
    """``RecoverCredentials``: section 6.3.2.3."""
    randomized_password = password.randomized(response.evaluated_message)
    masking_key = envelope.masking_key(randomized_password)
    pad = envelope.credential_response_pad(masking_key, response.masking_nonce)
    return envelope.recover(randomized_password, xor(pad, response.masked_response), identities)


class _BlindedPassword:
    """A password on its way through the OPRF."""

    def __init__(self, password: Secret, stretch: Stretch, blind: Secret | None) -> None:
        self._password = password
        self._stretch = stretch
        self._blind = group.random_scalar() if blind is None else group.decode_scalar(blind)
        self.blinded_message = oprf.blind(password, self._blind)

    def randomized(self, evaluated_message: Element) -> Secret:
        """``randomized_password``, 64 bytes: the OPRF's output and the stretched one."""
        oprf_output = oprf.finalize(self._password, self._blind, evaluated_message)
        stretched_oprf_output = self._stretch.stretch(oprf_output)
        both = Secret(oprf_output.expose() + stretched_oprf_output.expose())
        return derived("opaque.randomized_password", extract(both))
