"""tshark, run on a capture with the dissector of this checkout and of nobody else."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DISSECTOR = Path(__file__).parents[2] / "wireshark" / "coterie.lua"
TSHARK = shutil.which("tshark")
DEADLINE_S = 60.0  # it starts within one
MISSING = "tshark is missing: `apt-get install tshark`, or Wireshark's own installer"
needs_tshark = pytest.mark.skipif(TSHARK is None, reason=MISSING)


def tshark(
    capture: Path, *words: str, key_log: Path | None = None, dissector: Path | None = DISSECTOR
) -> str:
    """What it prints. Fails where it, or Lua in it, complains."""
    assert TSHARK is not None, MISSING
    command = [TSHARK, "-n", "-r", str(capture)]
    if dissector is not None:
        command += ["-X", f"lua_script:{dissector}"]
    if key_log is not None:
        command += ["-o", f"coterie.keylog:{key_log}"]
    ran = subprocess.run(  # noqa: S603
        [*command, *words],
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
        env=environment(capture.parent),
    )
    out = ran.stdout.decode(errors="replace")  # it cuts long labels anywhere
    err = ran.stderr.decode(errors="replace")
    assert ran.returncode == 0, err
    assert "lua error" not in (out + err).lower(), err + out
    assert set(err.splitlines()) <= {
        'Running as user "root" and group "root". This could be dangerous.'
    }, err
    return out


def environment(home: Path) -> dict[str, str]:
    """Without the person's own plugins and settings."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("COTERIE_")}
    return ours | {"HOME": str(home), "XDG_CONFIG_HOME": str(home)}


def fields(out: str, name: str) -> list[str]:
    """All values of a field, in order, from ``-T json --no-duplicate-keys``."""
    return [value for packet in json.loads(out) for value in _values(packet, name)]


def _values(tree: Any, name: str) -> Iterator[str]:
    if isinstance(tree, list):
        for one in tree:
            yield from _values(one, name)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if key == name:
                yield from value if isinstance(value, list) else [value]
            else:
                yield from _values(value, name)
