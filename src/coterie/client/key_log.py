"""The key log: a file with every record key of this client's connections, for Wireshark. Off unless asked for.

    COTERIE_RECORD_KEY session sender first_record n key

``session`` is the first 32 bytes of message 1, which the capture shows; ``sender`` is ``client`` or ``server``; the key
opens that side's records from ``first_record`` on, counted from 0 after the handshake, where the counter stood at
``n``. Bytes are hexadecimal. Who has the file reads the channel, and so what the network could not; what MLS has
sealed inside stays sealed.
"""

import os
import stat
from pathlib import Path
from types import MappingProxyType

from coterie.errors import StorageError
from coterie.logs import get_logger
from coterie.noise.channel import RecordKey
from coterie.private_files import FILE_MODE, storage_error

log = get_logger()

LABEL = "COTERIE_RECORD_KEY"
SESSION_SIZE = 32  # bytes of the client's public value: enough to tell all connections apart
SENDERS = MappingProxyType({"initiator-to-responder": "client", "responder-to-initiator": "server"})
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyLogFile:
    """Open until the process ends; lines are added to what it holds."""

    def __init__(self, path: Path) -> None:
        """Raises StorageError where it cannot be written, is no file, is somebody else's, or others can read it."""
        self.path = path
        flags = (
            os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        )
        try:
            self._descriptor = os.open(path, flags, FILE_MODE)
        except OSError as error:
            raise storage_error(path, "written", error.errno) from error
        try:
            _check_private(path, os.fstat(self._descriptor))
        except StorageError:
            self.close()
            raise
        self._is_broken = False

    def write(self, message_1: bytes, key: RecordKey) -> None:
        """Adds a line, at once: Wireshark may be reading. A full disk ends the log, not the connection."""
        session = message_1[:SESSION_SIZE].hex()
        sender = SENDERS[key.direction]
        line = f"{LABEL} {session} {sender} {key.first_record} {key.n} {key.key.expose().hex()}\n"
        try:
            os.write(self._descriptor, line.encode())
        except OSError as error:
            if not self._is_broken:
                log.warning("key-log-not-written", error=os.strerror(error.errno or 0))
            self._is_broken = True

    def close(self) -> None:
        """Writes no more: not into whatever gets the descriptor's number next, either."""
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise StorageError(f"{path} is no file, and a key log must be one")
    if found.st_uid != os.geteuid() or found.st_mode & _OTHERS:
        raise StorageError(
            f"{path} can be read by others, and a key log must not be",
            hint="name a file that is not there: it is made for you alone",
        )
