"""The passphrase of a profile or a backup: from ``--passphrase-file``, or from the person."""

from typing import TYPE_CHECKING

from coterie.cli.asking import ask_new_secret, ask_secret, read_secret
from coterie.cli.invocation import Invocation

if TYPE_CHECKING:
    from coterie.secret import Secret

_OTHERWISE = "give it with --passphrase-file PATH, or - for standard input"


def passphrase(invocation: Invocation) -> "Secret":
    """The one that opens it."""
    from coterie.passwords import encode_password

    if invocation.passphrase_file is not None:
        return encode_password(read_secret(invocation.passphrase_file, "passphrase"))
    return encode_password(ask_secret("Passphrase", otherwise=_OTHERWISE))


def new_passphrase(invocation: Invocation) -> "Secret":
    """The one that a new profile will open with: typed twice."""
    from coterie.passwords import encode_password

    if invocation.passphrase_file is not None:
        return passphrase(invocation)
    typed = ask_new_secret("New passphrase", encode_password, otherwise=_OTHERWISE)
    return encode_password(typed)


def new_backup_passphrase(invocation: Invocation) -> "Secret":
    """The one that a backup will open with: typed twice, and no weak one, since a backup can be guessed at for ever."""
    from coterie.passwords import check_password, encode_password

    def check(typed: str) -> None:
        check_password(typed, name="")

    if invocation.passphrase_file is None:
        return encode_password(ask_new_secret("New passphrase", check, otherwise=_OTHERWISE))
    found = read_secret(invocation.passphrase_file, "passphrase")
    check(found)
    return encode_password(found)
