"""libsodium's group and our protocol against the same in Python's integers, unrolled from the RFCs."""

import secrets

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from coterie.errors import RemoteProtocolError
from coterie.opaque import context, group
from coterie.opaque.client import ClientLogin, ClientRegistration
from coterie.opaque.server import Randomness, ServerKeys, ServerLogin, registration_response
from coterie.opaque.stretch import IDENTITY
from coterie.secret import Secret
from tests.opaque import pseudocode, ristretto255

# RFC 9496 Appendix A.1, the first multiples of the generator
MULTIPLES = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
]


def test_pseudocode_of_the_group_is_the_published_group() -> None:
    for number, encoded in enumerate(MULTIPLES):
        point = ristretto255.multiply(number, ristretto255.BASE)
        assert ristretto255.encode(point).hex() == encoded
    assert group.ORDER == ristretto255.ORDER


@given(st.binary(min_size=64, max_size=64), st.integers(1, ristretto255.ORDER - 1))
@settings(max_examples=15, deadline=None)
def test_group_is_the_same_in_libsodium_and_in_integers(uniform: bytes, number: int) -> None:
    point = ristretto255.from_uniform_bytes(uniform)
    assume(ristretto255.encode(point) != bytes(32))
    element = group.decode_element(ristretto255.encode(point))
    scalar = Secret(number.to_bytes(32, "little"))
    product = ristretto255.encode(ristretto255.multiply(number, point))
    assert group.multiply(scalar, element) == product
    assert group.multiply_base(scalar) == pseudocode.base_mult(scalar.expose())


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=60))
@settings(max_examples=20, deadline=None)
def test_hashing_to_the_group_is_the_same(data: bytes, dst: bytes) -> None:
    uniform = pseudocode.expand_message_xmd(data, dst)
    expected = ristretto255.encode(ristretto255.from_uniform_bytes(uniform))
    assert group.hash_to_group(Secret(data), dst) == expected
    scalar = int.from_bytes(group.hash_to_scalar(Secret(data), dst).expose(), "little")
    assert scalar == int.from_bytes(uniform, "little") % ristretto255.ORDER


@given(
    st.binary(min_size=32, max_size=32)
    | st.integers(0, 2**255).map(lambda n: (n & ~1).to_bytes(32, "little"))
)
@settings(max_examples=100, deadline=None)
def test_the_same_bytes_are_elements(encoded: bytes) -> None:
    point = ristretto255.decode(encoded)
    if point is None or encoded == bytes(32):
        with pytest.raises(RemoteProtocolError):
            group.decode_element(encoded)
    else:
        assert group.decode_element(encoded) == encoded == ristretto255.encode(point)


@given(
    st.binary(max_size=64), st.binary(min_size=1, max_size=32), st.binary(min_size=1, max_size=32)
)
@settings(max_examples=5, deadline=None)
def test_login_gives_what_the_pseudocode_gives(password: bytes, name: bytes, server: bytes) -> None:
    keys, blinds = ServerKeys.generate(), [group.random_scalar() for _ in range(2)]
    nonces = [secrets.token_bytes(32) for _ in range(6)]
    bound = context(nonces[0])
    account = pseudocode.Account(
        oprf_seed=keys.oprf_seed.expose(),
        server_private_key=keys.private_key.expose(),
        credential_identifier=name,
        password=password,
        blind=blinds[0].expose(),
        envelope_nonce=nonces[0],
        server_identity=server,
        client_identity=name,
        stretch=pseudocode.identity_stretch,
    )
    expected = pseudocode.register(account)
    registration = ClientRegistration(Secret(password), IDENTITY, blind=blinds[0])
    response = registration_response(keys, registration.request(), name)
    record, export_key = registration.finish(
        response, server_identity=server, client_identity=name, envelope_nonce=nonces[0]
    )
    assert (registration.request(), response, record, export_key.expose()) == (
        expected.request,
        expected.response,
        expected.record,
        expected.export_key,
    )

    drawn = pseudocode.Drawn(blinds[1].expose(), *nonces[1:])
    outcome = pseudocode.log_in(account, expected, drawn, bound)
    login = ClientLogin(
        Secret(password),
        IDENTITY,
        blind=blinds[1],
        client_nonce=drawn.client_nonce,
        client_keyshare_seed=Secret(drawn.client_keyshare_seed),
    )
    ke2, waiting = ServerLogin.respond(
        keys,
        record,
        login.ke1(),
        credential_identifier=name,
        context=bound,
        server_identity=server,
        client_identity=name,
        randomness=Randomness(
            drawn.masking_nonce, drawn.server_nonce, Secret(drawn.server_keyshare_seed)
        ),
    )
    ke3, session_key, _ = login.finish(
        ke2, context=bound, server_identity=server, client_identity=name
    )
    assert (login.ke1(), ke2, ke3, session_key.expose()) == (
        outcome.ke1,
        outcome.ke2,
        outcome.ke3,
        outcome.session_key,
    )
    assert waiting.finish(ke3) == session_key
