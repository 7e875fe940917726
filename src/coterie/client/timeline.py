"""What is kept of a room for people to read, and how other processes see it."""

from datetime import UTC, datetime

from coterie import content
from coterie.client.api import Message
from coterie.client.happening import Line, Said
from coterie.client.store import TimelineRow

TEXT, LINE = "text", "line"
UNKNOWN = "unknown"  # bytes that are no content at all


def row_of(happening: Said | Line, room_id: bytes, group_id: bytes, now: float) -> TimelineRow:
    """The row to keep. A kind that this version does not know is kept whole, to be read by a later one."""
    time_ms = int(now * 1000)
    if isinstance(happening, Line):
        kind, text, sender, device, kept = (
            f"{LINE}/{happening.event}",
            happening.text,
            "",
            b"",
            None,
        )
    else:
        sender, device, kept = happening.sender, happening.device, None
        match content.decode(happening.content):
            case content.Text(said, said_at):
                kind, text, time_ms = TEXT, said, said_at
            case content.Unknown(word, encoded):
                kind, text, kept = _kind_of(word), "", encoded
            case other:  # kept whole until the rows of a conversation are (decision 0016)
                kind, text, kept = str(other.__struct_config__.tag), "", happening.content
    return TimelineRow(
        0, room_id, group_id, happening.seq, happening.message_id, sender, device, time_ms, kind, text, kept
    )  # fmt: skip


def _kind_of(word: str) -> str:
    """A member chooses the word: it must not be taken for a text, or for a line of the system."""
    return UNKNOWN if not word or word in (TEXT, LINE) or word.startswith(f"{LINE}/") else word


def message_of(row: TimelineRow, room: str) -> Message:
    """As the SDK and the command line give it."""
    kind, _, event = row.kind.partition("/")
    return Message(
        room,
        row.room_id.hex(),
        row.seq,
        row.message_id.hex(),
        row.sender,
        row.device.hex(),
        _iso(row.time_ms),
        kind if kind == LINE else row.kind,
        row.text,
        event if kind == LINE else "",
    )


def _iso(time_ms: int) -> str:
    """A sender's clock says anything: what is no date is the nearest one."""
    seconds = min(max(time_ms / 1000, 0), 253_402_300_799)  # the end of the year 9999
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
