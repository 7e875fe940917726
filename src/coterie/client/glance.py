"""How everything was when it was shown last, kept so that the next start can show it before anything is loaded.

It counts only as long as no log has moved since: it may lack what another process read, and is never told then.
"""

import hashlib

import msgspec

from coterie.client import api
from coterie.client.store_rows import Rows

_KEY = "glance"


class _Glance(msgspec.Struct, frozen=True, array_like=True):
    mark: bytes  # of all logs, as they were
    status: api.Status


_glances = msgspec.msgpack.Decoder(_Glance)


class Glances(Rows):
    """There is one, or none."""

    def save_glance(self, status: api.Status) -> None:
        """Writes it, durably, where it differs from the one that is there."""
        encoded = msgspec.msgpack.encode(_Glance(self._mark(), status))
        if encoded != self._kept():
            self._db.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_KEY, encoded)
            )

    def load_glance(self) -> api.Status | None:
        """The status as it was, without a connection; None where it may not be so any more."""
        kept = self._kept()
        if kept is None:
            return None
        try:
            glance = _glances.decode(kept)
        except msgspec.DecodeError:  # another version of Coterie wrote it
            return None
        if glance.mark != self._mark():
            return None
        return msgspec.structs.replace(glance.status, connection="connecting")

    def _kept(self) -> bytes | None:
        row = self._one("SELECT value FROM meta WHERE key = ?", (_KEY,))
        return row[0] if row else None

    def _mark(self) -> bytes:
        """Other bytes after each step of any log."""
        digest = hashlib.sha256()
        for group_id, row in self._all("SELECT group_id, row FROM log ORDER BY group_id"):
            digest.update(group_id)
            digest.update(len(row).to_bytes(8))
            digest.update(row)
        return digest.digest()
