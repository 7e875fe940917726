"""Open files: as many as the system allows, and connections for which there are enough."""

import json
import subprocess
import sys

import pytest

from coterie.server.limits import SPARE_FILES

_PROGRAM = """
import json, resource, sys
from coterie.server.limits import Limits
from coterie.server.open_files import within_open_files

soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
limits = within_open_files(Limits(connections=connections))
print(json.dumps([limits.connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0]]))
"""


@pytest.mark.parametrize(
    ("connections", "allowed"), [(100, 100), (10_000, 300 - SPARE_FILES)], ids=["enough", "few"]
)
def test_open_files_are_raised_to_what_is_allowed_and_connections_fit_in(
    connections: int, allowed: int
) -> None:
    """A server without a file to spare cannot even say no: it fails at its own database."""
    command = [sys.executable, "-c", _PROGRAM, "100", "300", str(connections)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603
    assert json.loads(done.stdout.splitlines()[-1]) == [allowed, 300]
