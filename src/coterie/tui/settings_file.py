"""The file with a person's settings. It is theirs: what is written anew keeps their comments and their order."""

import os
import stat
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from coterie.errors import StorageError
from coterie.private_files import make_private_folder, storage_error, write_private
from coterie.tui.settings import KEY_TABLE, SETTINGS, Read, Settings, Value, read

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

NAME = "chat.toml"
MAX_SIZE = 65_536  # bytes; with all settings and keys it has two thousand


def default_path() -> Path:
    """``COTERIE_CONFIG``, else the place for a user's settings: on Linux ~/.config/coterie/chat.toml."""
    if named := os.environ.get("COTERIE_CONFIG"):
        return Path(named).expanduser()
    import platformdirs  # noqa: PLC0415  # often not needed

    return platformdirs.user_config_path("coterie", appauthor=False) / NAME


class SettingsFile:
    """``settings`` is what holds of it, ``problems`` a sentence for each thing that does not."""

    def __init__(self, path: Path, found: Read, trouble: str = "") -> None:
        self.path = path
        self._trouble = trouble  # why it could not be read
        self._take(found)

    @classmethod
    def read(cls, path: Path | None = None) -> "SettingsFile":
        """As it is now. Where there is none all is as it comes; what is wrong is in ``problems``."""
        path = path or default_path()
        try:
            return cls(path, read(_text(path)))
        except StorageError as error:
            return cls(path, Read(), str(error))

    def change(self, name: str, value: Value) -> None:
        """One of ``SETTINGS``, written at once. Raises StorageError."""
        setting = next(one for one in SETTINGS if one.name == name)
        self._write(setting.path, value)

    def bind(self, action: str, keys: str | None) -> None:
        """Gives an action other keys, or its own again. Raises StorageError."""
        self._write((KEY_TABLE, action), keys)

    def _write(self, path: tuple[str, ...], value: Value | None) -> None:
        text = _text(self.path)
        document = _parsed(self.path, text)
        table: MutableMapping[str, Any] = document
        for name in path[:-1]:
            table = _table(table, name)
        if value is None:
            table.pop(path[-1], None)
        else:
            table[path[-1]] = value
        written = document.as_string()
        target = self.path.resolve()  # somebody may keep it elsewhere, behind a link
        if not target.parent.exists():
            make_private_folder(target.parent)
        write_private(target, written.encode())
        self._trouble = ""
        self._take(read(written))

    def _take(self, found: Read) -> None:
        self.settings: Settings = found.settings
        problems = [f"{self.path}:{problem.line}: {problem.text}" for problem in found.problems]
        self.problems = tuple([self._trouble] if self._trouble else problems)


def _text(path: Path) -> str:
    """Empty where there is none. Raises StorageError, and waits for nobody who would write it meanwhile."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:  # Path's takes none
            is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            is_readable = is_regular or os.fspath(path) == os.devnull  # that says: no settings
            found = file.read(MAX_SIZE + 1) if is_readable else b""
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise storage_error(path, "read", error.errno) from error
    if not is_readable:
        raise StorageError(f"{path} is no file, so nothing of it holds")
    if len(found) > MAX_SIZE:
        raise StorageError(f"{path} has more than {MAX_SIZE} bytes: those are no settings")
    try:
        return found.decode()
    except UnicodeDecodeError as error:
        line = found[: error.start].count(b"\n") + 1
        raise StorageError(f"{path}:{line}: this is not UTF-8, so nothing of it holds") from error


def _open_at_once(path: str, flags: int) -> int:
    """A FIFO that nobody writes to would hold up the start for ever."""
    return os.open(path, flags | os.O_NONBLOCK)


def _parsed(path: Path, text: str) -> "TOMLDocument":
    import tomlkit  # noqa: PLC0415  # only where something is changed
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415

    try:
        return tomlkit.parse(text)
    except (TOMLKitError, ValueError, RecursionError) as error:
        problem = read(text).problems[0]
        hint = "mend it in an editor first: it is not written over"
        raise StorageError(f"{path}:{problem.line}: {problem.text}", hint=hint) from error


def _table(above: MutableMapping[str, Any], name: str) -> MutableMapping[str, Any]:
    """The table of that name, which takes the place of what is none."""
    import tomlkit  # noqa: PLC0415

    found = above.get(name)
    if not isinstance(found, MutableMapping):
        found = above[name] = tomlkit.table()
    return cast("MutableMapping[str, Any]", found)
