"""``coterie attack``."""
# imports wait for the command to run, so that --help stays quick

import json
import time
from typing import TYPE_CHECKING

import click

from coterie.attacks.table import ATTACKS
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.misuse import Misuse
from coterie.cli.output import put
from coterie.cli.screen import make_look

if TYPE_CHECKING:
    from coterie.attacks.result import Result
    from coterie.demo.look import Look

ALL = "all"


@click.command(
    cls=Command,
    examples=(
        "coterie attack --list",
        "coterie attack mitm",
        "coterie attack mitm --against plain",
        "coterie attack all",
    ),
)
@click.argument("name", required=False)
@click.option(
    "--against",
    type=click.Choice(["coterie", "plain"]),
    default="coterie",
    help="Whom: Coterie, or a chat as one should not build it, where the same attacks succeed.",
)
@click.option("--list", "is_list", is_flag=True, help="Say which attacks there are.")
@pass_invocation
def command(invocation: Invocation, name: str | None, against: str, is_list: bool) -> None:
    """Attack a server and its clients, and see what stops you.

    All of it is made for the attack, on this machine alone, and is gone afterwards. The exit status is 0 where Coterie
    held, or where the plain chat fell as it should. NAME is one of --list, or all.
    """
    if is_list:
        put(*_list(is_json=invocation.is_json))
        return
    names = list(ATTACKS) if name == ALL else [_known(name)]
    invocation.engine.configure_logs(is_debug=invocation.is_debug)
    from coterie.attacks.result import Target
    from coterie.attacks.run import run

    look = make_look(is_silent=invocation.is_json)

    def show(result: "Result") -> None:
        if invocation.is_json:
            put(json.dumps(result.as_json()))
        else:
            _show(look, result)

    began = time.monotonic()
    results = run(names, Target(against), show)
    if len(results) > 1:
        look.verdict(results, time.monotonic() - began)
    if not all(result.holds for result in results):
        raise click.exceptions.Exit(1)


def _known(name: str | None) -> str:
    if name is None:
        raise Misuse("which attack?", hint="`coterie attack --list` names them")
    if name not in ATTACKS:
        from difflib import get_close_matches

        near = get_close_matches(name, ATTACKS)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else "`coterie attack --list` names them"
        )
        raise Misuse(f"no such attack {name!r}", hint=hint)
    return name


def _list(*, is_json: bool) -> list[str]:
    if is_json:
        return [json.dumps({"name": n, "summary": a.summary}) for n, a in ATTACKS.items()]
    width = max(map(len, ATTACKS))
    return [f"{name:<{width}}  {attack.summary}" for name, attack in ATTACKS.items()]


def _show(look: "Look", result: "Result") -> None:
    look.act(f"{result.name}: {ATTACKS[result.name].summary}")
    for step in result.steps:
        look.remark(f"He {step.did}.")
        for text in step.got:
            look.detail(f"→ {text}")
    look.proof(result)
