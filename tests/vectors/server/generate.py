"""Makes a data folder as the present schema's version writes it: ``python -m tests.vectors.server.generate``.

Its name is that of the schema. Once a version with that schema is released its folder stays as it is, for ever: what
comes later must open it. Run this for a new schema, and for the newest until it is released.
"""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path

from tests.server.world import Server, post, serving

from coterie.client import enrolment
from coterie.client.device import Enrolled
from coterie.secret import Secret
from coterie.server.database import FILE as DATABASE
from coterie.server.database import REVISION
from coterie.server.keys import FILE as SECRETS
from coterie.wire import frames as f

FOLDER = Path(__file__).parent
GROUP = b"g" * 16
PASSWORD = Secret(
    b"nine herons over a grey lake"
)  # of everybody, stretched by Argon2id as it is in earnest


async def join(server: Server, name: str) -> Enrolled:
    async def save(enrolled: Enrolled) -> None:
        """It is kept in memory."""

    return await enrolment.join(server.invite(), name, PASSWORD, server.seams, before_finish=save)


async def live(folder: Path) -> dict[str, object]:
    """What a server's data is made of, and what a test must know of it."""
    async with serving(folder) as server:
        anna, ben = await join(server, "anna"), await join(server, "ben")
        hers = await server.log_in(anna)
        await hers.call(f.CreateGroup(GROUP), f.Done)
        change = f.ListChange(add=(ben.device,), add_keepers=("ben",))
        welcome = f.WelcomeFor(b"welcome, ben", (ben.device,))
        commit = post(
            GROUP, 1, kind=f.Kind.COMMIT, body=b"a commit", change=change, welcome=welcome
        )
        await hers.call(commit, f.Accepted)
        for number in range(2, 6):
            said = post(GROUP, number, after=1, body=f"message {number}".encode())
            await hers.call(said, f.Accepted)
        packages = f.UploadKeyPackages((), b"last resort")  # which does not expire
        await hers.call(packages, f.KeyPackageCount)
        answer = await hers.call(f.Fetch(GROUP, 0), f.Entries)
        return {
            "server_id": server.house.store.server_id.hex(),
            "fingerprint": server.fingerprint.hex(),
            "group": GROUP.hex(),
            "password": PASSWORD.expose().decode(),
            "devices": {
                one.name: [one.device.hex(), one.device_key.expose().hex()] for one in (anna, ben)
            },
            "entries": [[e.seq, e.kind.name, e.body.decode()] for e in answer.entries],
        }


def main() -> None:
    target = FOLDER / REVISION
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        known = asyncio.run(live(Path(temporary)))
        for name in (DATABASE, SECRETS):
            shutil.copyfile(Path(temporary) / name, target / name)
    (target / "known.json").write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
