"""Guessing passwords from what a thief took from the server, against Coterie: PROTOCOL.md section 5."""

import secrets
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from coterie.attacks.pair import open_pair
from coterie.attacks.result import Result, Target
from coterie.demo.database import DATABASE
from coterie.errors import NotAuthenticated
from coterie.opaque.client import ClientLogin
from coterie.opaque.server import ServerKeys, ServerLogin
from coterie.opaque.stretch import ARGON2ID
from coterie.passwords import encode_password
from coterie.server.keys import Keys

WORDS = ("123456", "password", "dragon")  # as lists of leaked ones begin
WEAK = "dragon"
STRONG_BYTES = 12  # 96 bits
ALL_STRONG = 2 ** (8 * STRONG_BYTES)
CONTEXT = b"a thief's kitchen"  # of logins that he plays with himself
DAY_S = 86_400
COMMON = 10_000_000  # passwords in a large list


@dataclass(frozen=True, slots=True)
class Stolen:
    """An account as the database has it."""

    name: str
    record: bytes  # OPAQUE's, 192 bytes


def steal(folder: Path) -> list[Stolen]:
    """All accounts of a server's database."""
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        rows = database.execute("SELECT name, opaque_record FROM account ORDER BY name").fetchall()
    return [Stolen(name, record) for name, record in rows]


def is_password(account: Stolen, keys: ServerKeys, server_id: bytes, password: str) -> bool:
    """Whether a login that the thief plays out with himself succeeds. Costs one Argon2id."""
    login = ClientLogin(encode_password(password))
    name = account.name.encode()
    ke2, _ = ServerLogin.respond(
        keys,
        account.record,
        login.ke1(),
        credential_identifier=name,
        context=CONTEXT,
        server_identity=server_id,
        client_identity=name,
    )
    try:
        login.finish(ke2, context=CONTEXT, server_identity=server_id, client_identity=name)
    except NotAuthenticated:
        return False
    return True


async def guess(folder: Path) -> Result:
    """First with the database alone, then with the secret file beside it."""
    result = Result("guess", Target.COTERIE)
    strong = secrets.token_urlsafe(STRONG_BYTES)
    async with open_pair(folder) as pair:
        server_id = (await pair.join("alice", strong)).server_id
        await pair.join("bobb", WEAK)
    alice, bobb = steal(folder)

    result.did("stole the database alone, and tried even the right passwords with keys of his own")
    own = ServerKeys.generate()
    confirmed = [
        account.name
        for account, right in ((alice, strong), (bobb, WEAK))
        if is_password(account, own, server_id, right)
    ]
    result.check(not confirmed, f"the database alone confirms the passwords of {confirmed}")
    result.got("nothing: without the secret file the right password looks like any other")

    result.did(f"stole the secret file too, and tried {len(WORDS)} common passwords for both")
    keys = Keys.open(folder).opaque
    result.check(is_password(alice, keys, server_id, strong), "not even the right one is confirmed")
    began = time.perf_counter()
    fell = {
        account.name: [word for word in WORDS if is_password(account, keys, server_id, word)]
        for account in (alice, bobb)
    }
    cost_s = (time.perf_counter() - began) / (2 * len(WORDS))
    result.check(not fell["alice"], "alice's strong password fell")
    result.check(fell["bobb"] == [WEAK], "bobb's weak password did not fall, though it was tried")
    result.got(
        f"bobb's password {WEAK!r}, and so his account; alice's not: each guess costs one Argon2id of "
        f"{ARGON2ID.memory_kib // 1024} MiB, here {cost_s * 1000:.0f} ms; {COMMON:,} common passwords take "
        f"{COMMON * cost_s / DAY_S:,.0f} days, all that hers could be {ALL_STRONG * cost_s / DAY_S:.0e} days"
    )
    result.mechanism = (
        "OPAQUE's secret seed, in a file of its own; behind it Argon2id, and that `join` refuses passwords like "
        "bobb's. Backups hold both files, so they are always encrypted"
    )
    return result
