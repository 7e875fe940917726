"""Other MLS libraries for ``mls.py``, each in a process that times itself and sleeps while others are timed."""

import json
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Peer:
    """JSON lines to a program: see ``mls_rs_peer.py``."""

    def __init__(self, name: str, *command: str) -> None:
        self.name = name
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, do: str, **arguments: Any) -> tuple[float, bytes]:
        """The seconds it took, and the message that came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended in {do}")
        answer = json.loads(line)
        return answer.get("seconds", 0.0), bytes.fromhex(answer["message"])

    def close(self) -> None:
        """Ends the program."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def mls_rs(python: str) -> Peer:
    """By that interpreter."""
    return Peer("mls-rs", python, str(HERE / "mls_rs_peer.py"))


def ts_mls(folder: str) -> Peer:
    """As installed in that folder."""
    return Peer("ts-mls", "node", str(HERE / "mls_ts_peer.mjs"), str(Path(folder).absolute()))
