"""What a client keeps of people: their keys, as they were pinned, and their device lists."""

from dataclasses import dataclass

from coterie.client.store_rows import Rows
from coterie.identity import Pin, PinnedHow
from coterie.wire.frames import SignedDocument


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """What this client holds of another account."""

    pin: Pin
    changed_key: bytes | None  # another key than the pinned one was seen, and not yet acknowledged
    list_version: int  # the highest that was heard of: ``device_list`` may be older
    device_list: SignedDocument | None


class People(Rows):
    """By name."""

    def account(self, name: str) -> KnownAccount | None:
        """What is held of an account."""
        row = self._one(
            "SELECT account_key, how, since, changed_key, list_version, document, signature"
            " FROM pin WHERE name = ?",
            (name,),
        )
        if row is None:
            return None
        key, how, since, changed, version, document, signature = row
        device_list = SignedDocument(document=document, signature=signature) if document else None
        return KnownAccount(Pin(name, key, PinnedHow(how), since), changed, version, device_list)

    def save_account(self, known: KnownAccount) -> None:
        """Writes it whole."""
        pin, signed = known.pin, known.device_list
        self._db.execute(
            "INSERT OR REPLACE INTO pin"
            " (name, account_key, how, since, changed_key, list_version, document, signature)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                pin.name,
                pin.account_key,
                pin.how.value,
                pin.since,
                known.changed_key,
                known.list_version,
                signed.document if signed else None,
                signed.signature if signed else None,
            ),
        )
