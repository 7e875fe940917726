"""``coterie join``."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from coterie.cli import output, types
from coterie.cli.asking import ask_new_secret, read_secret
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.passphrases import new_passphrase
from coterie.cli.trust import trust_options, trusting

if TYPE_CHECKING:
    from coterie.client.enrolment import Stage
    from coterie.client.joining import JoinedAccount
    from coterie.secret import Secret
    from coterie.wire.invite import Invite


@click.command(
    cls=Command,
    examples=(
        "coterie join coterie://chat.example.org:7617/#AX... alice",
        "pass show chat | coterie join coterie://chat.example.org:7617/#AX... alice --password-file -",
    ),
)
@click.argument("invite", type=types.invite)
@click.argument("name", type=types.account)
@click.option("--password-file", metavar="PATH", help="Where the password is; - is standard input.")
@click.option(
    "--custody",
    type=click.Choice(["keyring", "passphrase", "file"]),
    help="Where the key of the profile is kept: the system's keyring, nowhere (a passphrase opens it each time), "
    "or a file beside it that only you can read. The first that works, if not said.",
)
@trust_options
@click.option("--allow-weak-password", is_flag=True, hidden=True)
@pass_invocation
def command(
    invocation: Invocation,
    invite: "Invite",
    name: str,
    password_file: str | None,
    custody: str | None,
    ca: str | None,
    pins: tuple[bytes, ...],
    allow_weak_password: bool,
) -> None:
    """Make an account on a server, with this device as its first.

    The password is asked twice, or read from a file; the server never sees it. There is no way to reset it. After an
    interruption run the same command again: it goes on, and nothing is made twice.
    """
    invite = replace(invite, address=trusting(invite.address, ca, pins))
    if allow_weak_password:
        output.note("weak passwords are allowed, which is for demonstrations alone")
    password = _password(invocation, name, password_file, is_weak_allowed=allow_weak_password)
    invocation.engine.configure_logs(is_debug=invocation.is_debug)
    invocation.start_key_log()
    import asyncio

    joined = asyncio.run(
        invocation.engine.join(
            invocation.profile,
            invite,
            name,
            password,
            custody=custody,
            passphrase=lambda: new_passphrase(invocation),
            progress=_tell,
        )
    )
    output.put(*_lines(joined, is_json=invocation.is_json))


def _password(
    invocation: Invocation, name: str, path: str | None, *, is_weak_allowed: bool
) -> "Secret":
    from coterie.passwords import check_password, encode_password

    def check(typed: str) -> None:
        if not is_weak_allowed:
            check_password(typed, name)

    if path is None:
        otherwise = "give it with --password-file PATH, or - for standard input"
        return encode_password(ask_new_secret("Password", check, otherwise=otherwise))
    if path == "-":
        invocation.take_stdin("the password")
    password = read_secret(path, "password")
    check(password)
    return encode_password(password)


def _tell(stage: "Stage") -> None:
    """Argon2id and a handshake take a second: who waits is told for what."""
    if output.watched():
        output.note(f"{stage.value} ...")


def _lines(joined: "JoinedAccount", *, is_json: bool) -> list[str]:
    from coterie.wire.invite import show_fingerprint

    told = {
        "account": joined.name,
        "device": joined.device.hex(),
        "server": joined.server,
        "fingerprint": show_fingerprint(joined.fingerprint),
        "key": joined.custody_sentence,
    }
    if is_json:
        return [json.dumps(told)]
    return [f"{key:<12} {value}" for key, value in told.items()]
