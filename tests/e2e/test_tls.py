"""TLS around the channel, with real processes: turned on, joined through, and with another certificate."""

import pytest

from coterie.wire.tls import show_pin
from tests.certificates import Authority, Issued
from tests.e2e.stage import Person, Server, Stage

AUTHORITY = Authority.make()
FIRST, SECOND = AUTHORITY.issue(), AUTHORITY.issue()


@pytest.fixture(scope="module")
def within_tls(shared: Stage) -> Stage:
    """The shared stage, whose server has got a certificate; the people's profiles know of none."""
    (shared.folder / "authority.pem").write_text(AUTHORITY.own.pem)
    chain, key = FIRST.write(shared.folder)
    settings = f'tls_cert = "{chain}"\ntls_key = "{key}"\n'
    (shared.server.data / "coterie.toml").write_text(settings)
    shared.server.stop().check()
    shared.server.start()
    return shared


def show(stage: Stage, issued: Issued) -> None:
    """The server has that certificate from now on."""
    issued.write(stage.folder)


def reach(person: Person, server: Server, *trust: str) -> None:
    """It says once where the server is now."""
    person.does("reach", f"coteries://{server.listen}", *trust)


def test_people_go_on_within_tls_while_the_certificate_changes(within_tls: Stage) -> None:
    server, ca = within_tls.server, str(within_tls.folder / "authority.pem")
    alice, bobb = within_tls.people["alice"], within_tls.people["bobb"]
    told = alice.run("send", "ops", "sent before it is reached")
    hint = f"run `coterie reach coteries://{server.listen}`"
    told.failed_with("it is a TLS server", "it is kept on this device", hint)
    reach(alice, server, "--ca", ca)
    reach(bobb, server, "--tls-pin", server.told["tls-pin"])
    chat = bobb.chat("ops")
    alice.does("send", "ops", "under the first certificate")
    chat.until_text("sent before it is reached", "under the first certificate")

    show(within_tls, SECOND)
    alice.does("send", "ops", "under the second certificate")
    chat.until_text("under the second certificate")
    chat.type("on the connection that was there before", "/quit")
    assert "connect" not in chat.ended().check().err  # nobody was cut off

    trust = ("reach", f"coteries://{server.listen}", "--tls-pin")
    bobb.run(*trust, show_pin(FIRST.pin)).failed_with("another key than the pinned one")
    bobb.does(*trust, show_pin(SECOND.pin))
    (text,) = bobb.does("read", "ops", "--last", "1", "--json").texts
    assert text == "on the connection that was there before"


def test_newcomers_join_within_tls_and_trust_nobody_unasked(within_tls: Stage) -> None:
    show(within_tls, FIRST)
    server, ca = within_tls.server, str(within_tls.folder / "authority.pem")
    invite = server.invite()
    assert invite.startswith(f"coteries://{server.listen}/#")
    refused = within_tls.begin_to_join("dora", invite).ended()
    refused.failed_with(f"coteries://{server.listen}", "nobody who is trusted here", "--ca FILE")
    within_tls.begin_to_join("dora", invite, "--ca", ca).ended().check()
    assert f"coteries://{server.listen}" in within_tls.person("dora").does("status").out


def test_certificate_that_cannot_be_used_is_warned_of_and_the_old_one_stays(
    within_tls: Stage,
) -> None:
    server, carol = within_tls.server, within_tls.people["carol"]
    (within_tls.folder / "key.pem").write_text("half a file")
    reach(carol, server, "--tls-pin", server.told["tls-pin"])
    server.program.until_err("certificate-not-loaded")
    server.stop().check()
    again = server.programs.run("serve", "--data", str(server.data))
    again.failed_with("key.pem holds no private key for TLS")
