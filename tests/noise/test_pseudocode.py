"""Fresh keys, every time others: our handshake and our records against the ones unrolled from the specifications."""

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.noise.channel import Channel
from coterie.noise.dh import _P, FFDHE2048
from coterie.noise.handshake import PRODUCTION, HandshakeState, Keys
from coterie.noise.kem import MLKEM768
from tests.noise import pseudocode
from tests.noise.pairs import established, exchanged


def test_group_is_the_formula_of_rfc_7919() -> None:
    assert int(_P) == pseudocode.P


@given(st.binary(max_size=64))
@settings(max_examples=10, deadline=None)
def test_handshake_gives_what_the_pseudocode_gives(prologue: bytes) -> None:
    s, e, re = (FFDHE2048.generate() for _ in range(3))
    e1 = MLKEM768.generate()
    initiator = HandshakeState(
        PRODUCTION, is_initiator=True, prologue=prologue, keys=Keys(e=e, e1=e1)
    )
    responder = HandshakeState(
        PRODUCTION, is_initiator=False, prologue=prologue, keys=Keys(s=s, e=re)
    )
    message_1 = initiator.write_message()
    responder.read_message(message_1)
    message_2 = responder.write_message()
    initiator.read_message(message_2)

    # the ciphertext is under the key that ee alone gives: message 2 tells it, once that is derived
    ee = pseudocode.DH(e.private.expose(), re.public)
    ck = pseudocode.HASH(pseudocode.PROTOCOL_NAME)
    h = pseudocode.HASH(ck + prologue)
    for part in (e.public, e1.public, b"", re.public):
        h = pseudocode.HASH(h + part)
    _, k = pseudocode.HKDF(ck, ee)
    ciphertext = AESGCM(k).decrypt(bytes(12), message_2[256:1360], h)
    outcome = pseudocode.run(
        pseudocode.Exchange(
            prologue=prologue,
            e_initiator=pseudocode.public_value(e.private.expose()),
            e1=e1.public,
            e_responder=pseudocode.public_value(re.private.expose()),
            ee=ee,
            ekem1_ciphertext=ciphertext,
            ekem1_output=e1.private.decapsulate(ciphertext),
            s=pseudocode.public_value(s.private.expose()),
            es=pseudocode.DH(s.private.expose(), e.public),
        )
    )
    assert message_1 == outcome.message_1
    assert message_2 == outcome.message_2
    assert initiator.handshake_hash == responder.handshake_hash == outcome.handshake_hash
    send, receive = initiator.split()
    assert send.encrypt_with_ad(b"", b"x") == pseudocode.ENCRYPT(outcome.k1, 0, b"", b"x")
    sealed = pseudocode.ENCRYPT(outcome.k2, 0, b"", b"y")
    assert receive.decrypt_with_ad(b"", sealed) == b"y"


STEPS = st.one_of(
    st.tuples(st.just("data"), st.binary(min_size=1, max_size=100)),
    st.just(("rekey", b"")),
)


@given(st.lists(STEPS, max_size=30))
@settings(max_examples=50, deadline=None)
def test_records_are_what_the_pseudocode_gives(steps: list[pseudocode.Step]) -> None:
    _, _, k1, _ = exchanged()
    channel = Channel(established()[0], is_initiator=True)
    for name, payload in steps:
        if name == "data":
            channel.send_data(payload)
        else:
            channel.rekey()
    channel.close()
    wire = b"".join(pseudocode.records(k1, [*steps, ("close", b"")]))
    assert channel.data_to_send() == wire
