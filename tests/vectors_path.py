"""Where the published test vectors are. They are never copied into the repository."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("COTERIE_VECTORS", Path(__file__).parents[2] / "shared" / "vectors"))


def vectors(*parts: str) -> Path:
    """A file or folder of vectors. Without it the test skips, and says how to get it; in CI it fails."""
    path = FOLDER.joinpath(*parts)
    if not path.exists():
        how = f"no test vectors at {path}: lay them there, or set COTERIE_VECTORS to their folder"
        if os.environ.get("CI"):
            pytest.fail(how)
        pytest.skip(how)
    return path
