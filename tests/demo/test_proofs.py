"""Each proof holds on facts as they should be, and fails on each fact that should not be."""

from dataclasses import replace

import pytest

from coterie.demo import proofs
from coterie.demo.proofs import (
    CLAIMS,
    Connections,
    Control,
    Delivery,
    Forgery,
    Handshake,
    Impostor,
    Login,
    Logins,
    Proof,
    Searched,
    Shown,
    Tampering,
)
from coterie.demo.relay import Way
from coterie.demo.search import Form, Hit

DELIVERY = Delivery(("one", "two"), {"alice": ("one", "two"), "bobb": ("one", "two")})
CONNECTIONS = Connections(
    (Handshake("aa", "k1", "k2"), Handshake("bb", "k3", "k4")), frozenset({"aa", "bb", "cc"})
)
TAMPERING = Tampering(Way.UP, 1, "record 8 does not open: altered", True, 1, 1)
IMPOSTOR = Impostor((1440,), (1648,), 1, "the server is not the trusted one", "1111", "2222")
LOGINS = Logins(
    right=Login("", (1440, 46, 200), (1648, 108, 380, 90)),
    wrong=Login("wrong name or password", (1440, 46), (1648, 108, 380)),
    unknown=Login("wrong name or password", (1440, 46), (1648, 108, 380)),
)
DEAD = Shown(5, "line", "dead", "an entry does not count")
FORK = Shown(6, "line", "fork", "alice saw another log")
LATER = Shown(6, "text", "", "later")
OLD = Shown(4, "text", "", "old")
ALTERED = Forgery(5, "secret", ("later",), (OLD, DEAD, FORK, LATER))
REPLAYED = Forgery(7, "old", (), (OLD, LATER, replace(DEAD, seq=7)))
CONTROL = Control(
    frozenset({"raw", "hex"}),
    {
        "on the wire": frozenset({"raw", "hex"}),
        "in the folder": frozenset({"raw", "hex"}),
    },
    frozenset({"alice"}),
    frozenset({"alice"}),
)
SEARCHED = Searched(9, {"on the wire": 500, "in the folder": 700}, True, ())

HOLDING = {
    "delivered": proofs.delivered(DELIVERY),
    "other-keys": proofs.other_keys(CONNECTIONS),
    "flipped-bit-up": proofs.tampering_noticed(TAMPERING),
    "flipped-bit-down": proofs.tampering_noticed(replace(TAMPERING, way=Way.DOWN)),
    "impostor": proofs.impostor_refused(IMPOSTOR),
    "password": proofs.password_refused(LOGINS),
    "altered": proofs.alteration_refused(ALTERED),
    "replayed": proofs.replay_refused(REPLAYED),
    "control": proofs.search_works(CONTROL),
    "unreadable": proofs.nothing_readable(SEARCHED),
}


def test_every_claim_has_a_proof() -> None:
    assert list(HOLDING) == list(CLAIMS)


@pytest.mark.parametrize("name", HOLDING)
def test_it_holds_on_facts_as_they_should_be(name: str) -> None:
    proof = HOLDING[name]
    assert proof.holds, proof.fact
    assert proof.name == name
    assert proof.fact


@pytest.mark.parametrize("name", CLAIMS)
def test_claim_fits_on_a_line_of_80(name: str) -> None:
    assert len(f"  ✓ {CLAIMS[name]}") <= 80


def fails(proof: Proof, why: str) -> None:
    assert not proof.holds
    assert why in proof.fact


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (replace(DELIVERY, shown={"alice": ("one", "two"), "bobb": ("one",)}), "bobb was shown 1"),
        (replace(DELIVERY, shown={"bobb": ("two", "one")}), "another order"),
        (replace(DELIVERY, shown={"bobb": ("one", "one", "two")}), "bobb was shown 3 of 2"),
        (Delivery((), {"bobb": ()}), "nothing was said"),
        (Delivery(("one",), {}), "nothing was said"),
    ],
)
def test_message_lost_doubled_or_moved_is_a_cross(facts: Delivery, why: str) -> None:
    fails(proofs.delivered(facts), why)


FIRST, SECOND = CONNECTIONS.client


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (replace(CONNECTIONS, client=(FIRST,)), "seen: 1, not 2"),
        (replace(CONNECTIONS, client=(FIRST, replace(SECOND, handshake_hash="aa"))), "hash came"),
        (replace(CONNECTIONS, client=(FIRST, replace(SECOND, send_key="k1"))), "key came again"),
        (replace(CONNECTIONS, client=(FIRST, replace(SECOND, receive_key="k1"))), "key came again"),
        (replace(CONNECTIONS, client=(FIRST, replace(SECOND, send_key="k4"))), "key came again"),
        (replace(CONNECTIONS, server_hashes=frozenset({"aa"})), "not compute the same hash: bb"),
    ],
)
def test_key_or_hash_that_comes_again_is_a_cross(facts: Connections, why: str) -> None:
    fails(proofs.other_keys(facts), why)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (replace(TAMPERING, bits=0), "0 bits"),
        (replace(TAMPERING, bits=2), "2 bits"),
        (replace(TAMPERING, has_ended=False), "lives on"),
        (replace(TAMPERING, error=""), "there is none"),
        (replace(TAMPERING, error="no route to host"), "does not say so: no route"),
        (replace(TAMPERING, connections_after=0), "did not connect again"),
        (replace(TAMPERING, times_read=0), "read 0 times"),
        (replace(TAMPERING, times_read=2), "read 2 times"),
    ],
)
def test_flipped_bit_that_passes_or_costs_a_message_is_a_cross(facts: Tampering, why: str) -> None:
    fails(proofs.tampering_noticed(facts), why)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (replace(IMPOSTOR, sent=(1440, 46)), "(1440, 46)"),
        (replace(IMPOSTOR, sent=(1500,)), "(1500,)"),
        (replace(IMPOSTOR, received=()), "did not answer"),
        (replace(IMPOSTOR, status=0), "exit status 0"),
        (replace(IMPOSTOR, error="it was cut"), "it was cut"),
        (replace(IMPOSTOR, found="1111"), "the same server"),
    ],
)
def test_byte_too_many_for_an_impostor_is_a_cross(facts: Impostor, why: str) -> None:
    fails(proofs.impostor_refused(facts), why)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (replace(LOGINS, right=replace(LOGINS.right, error="no")), "the right password is refused"),
        (replace(LOGINS, wrong=replace(LOGINS.wrong, error="")), "a wrong password lets in"),
        (replace(LOGINS, unknown=replace(LOGINS.unknown, error="")), "does not exist lets in"),
        (replace(LOGINS, unknown=replace(LOGINS.unknown, error="no such name")), "errors differ"),
        (replace(LOGINS, unknown=replace(LOGINS.unknown, received=(1648, 36))), "shape"),
        (
            replace(
                LOGINS,
                wrong=replace(LOGINS.wrong, received=()),
                unknown=replace(LOGINS.unknown, received=()),
            ),
            "shape",
        ),
        (replace(LOGINS, unknown=replace(LOGINS.unknown, sent=(1440,))), "requests differ"),
    ],
)
def test_reply_that_tells_which_names_exist_is_a_cross(facts: Logins, why: str) -> None:
    fails(proofs.password_refused(facts), why)


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ((OLD, Shown(5, "text", "", "secre7"), FORK, LATER), "shown as a message"),
        ((OLD, DEAD, FORK, LATER, Shown(9, "text", "", "secret")), "shown all the same"),
        ((OLD, FORK, LATER), "no line says"),
        ((OLD, replace(DEAD, event="lie"), FORK, LATER), "no line says"),
        ((OLD, DEAD, LATER), "did not betray"),
        ((OLD, DEAD, FORK), "1 of the messages behind it"),
        ((), "no line says"),
    ],
)
def test_altered_entry_that_counts_or_hides_is_a_cross(shown: tuple[Shown, ...], why: str) -> None:
    fails(proofs.alteration_refused(replace(ALTERED, shown=shown)), why)


def test_alteration_that_nothing_follows_is_a_cross() -> None:
    fails(proofs.alteration_refused(replace(ALTERED, later=())), "did not betray")


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ((OLD, LATER, replace(OLD, seq=7)), "shown 2 times"),
        ((LATER, replace(DEAD, seq=7)), "shown 0 times"),
        ((OLD, LATER), "no line says"),
        ((OLD, LATER, replace(DEAD, seq=7, event="fork")), "no line says"),
    ],
)
def test_replayed_entry_that_counts_twice_is_a_cross(shown: tuple[Shown, ...], why: str) -> None:
    fails(proofs.replay_refused(replace(REPLAYED, shown=shown)), why)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (
            replace(CONTROL, found={**CONTROL.found, "on the wire": frozenset({"raw"})}),
            "not found on the wire: hex",
        ),
        (replace(CONTROL, found={}), "nothing was planted"),
        (replace(CONTROL, planted=frozenset()), "nothing was planted"),
        (replace(CONTROL, names_found=frozenset()), "not found in the database: alice"),
    ],
)
def test_search_that_misses_its_control_is_a_cross(facts: Control, why: str) -> None:
    fails(proofs.search_works(facts), why)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (
            replace(SEARCHED, hits=(Hit("message 1", Form.HEX, "coterie.db"),)),
            "message 1 is there in hex: coterie.db",
        ),
        (replace(SEARCHED, control_holds=False), "does not find its control"),
        (replace(SEARCHED, sizes={"on the wire": 0}), "nothing was recorded on the wire"),
        (replace(SEARCHED, sizes={}), "nothing was searched"),
        (replace(SEARCHED, texts=0), "nothing was searched"),
    ],
)
def test_text_that_is_found_is_a_cross(facts: Searched, why: str) -> None:
    fails(proofs.nothing_readable(facts), why)
