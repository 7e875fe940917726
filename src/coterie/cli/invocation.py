"""What one run of the program was asked for, apart from its command: the options that work everywhere."""

from typing import TYPE_CHECKING

from coterie.cli.misuse import Misuse

if TYPE_CHECKING:
    from pathlib import Path

    from coterie.cli.engine import Engine


class Invocation:
    """Given to every command. The options may stand before the command and behind it; the last one counts."""

    def __init__(self, engine: "Engine") -> None:
        self.engine = engine
        self.profile_option = ""
        self.passphrase_file: str | None = None  # "-" is stdin
        self.key_log_path = ""
        self.is_key_log_forced = False
        self.is_json = False
        self.is_debug = False

    @property
    def profile(self) -> "Path":
        """The folder of the profile: as asked for, else the user's own, which the environment may name."""
        from pathlib import Path

        return Path(self.profile_option) if self.profile_option else self.engine.default_profile()

    def start_key_log(self) -> None:
        """The engine's connections write their keys from now on, if that was asked for. Again: nothing.

        Raises Misuse where nobody would see the warning, as with a service, StorageError.
        """
        from pathlib import Path

        from coterie.cli import output

        if not self.key_log_path or self.engine.key_log is not None:
            return
        if not (self.is_key_log_forced or output.watched()):
            raise Misuse(
                "a key log is refused where no terminal shows the warning",
                hint="take away --keylog and COTERIE_KEYLOG, or add --keylog-anyway",
            )
        self.engine.start_key_log(Path(self.key_log_path))
        output.note(self.key_log_warning)
        output.note("whoever gets that file can read all that this client and its server say")
        output.note("messages in rooms stay sealed; delete the file when you have looked")

    @property
    def key_log_warning(self) -> str:
        """What a person is told all the while; empty where no keys are written."""
        if not self.key_log_path:
            return ""
        return f"WARNING: THE KEYS OF THIS CONNECTION ARE WRITTEN TO {self.key_log_path}"

    def take_stdin(self, wanted_for: str) -> None:
        """Stdin is read by one alone. Raises Misuse where it is the passphrase already."""
        if self.passphrase_file == "-":  # noqa: S105  # a path
            raise Misuse(
                f"standard input cannot be both the passphrase and {wanted_for}",
                hint="give the passphrase as a file, or a descriptor such as /dev/fd/3",
            )
