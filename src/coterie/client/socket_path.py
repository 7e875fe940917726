"""Where the process that has a profile open is reached: a socket in its folder, or elsewhere where that is too long.

Every process of the user finds the same place.
"""

import os
import stat
from hashlib import sha256
from pathlib import Path

from coterie.errors import StorageError
from coterie.private_files import FOLDER_MODE, storage_error

NAME = "socket"

# sun_path has 108 bytes on Linux and 104 on macOS and the BSDs, the zero at its end included.
_MAX_SIZE = 103

# Not the folder that TMPDIR or XDG_RUNTIME_DIR names: processes of one user may differ in those.
SHORT_FOLDER = Path("/tmp")  # noqa: S108  # we use a private folder in it


def socket_path(folder: Path, short_folder: Path = SHORT_FOLDER) -> Path:
    """The place for a profile's folder. Raises StorageError where another user has taken the short one."""
    folder = folder.resolve()
    path = folder / NAME
    if len(os.fsencode(path)) <= _MAX_SIZE:
        return path
    return _private_folder_in(short_folder) / sha256(os.fsencode(folder)).hexdigest()[:32]


def _private_folder_in(short_folder: Path) -> Path:
    path = short_folder / f"coterie-{os.geteuid()}"
    try:
        path.mkdir(FOLDER_MODE, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise storage_error(path, "made", error.errno) from error
    # Anybody can make something of this name, and what listens there would be told messages.
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not is_ours or stat.S_IMODE(found.st_mode) & ~FOLDER_MODE:
        raise StorageError(
            f"{path} is not a folder of yours alone",
            hint="remove it, or give the profile's folder a shorter name",
        )
    return path
