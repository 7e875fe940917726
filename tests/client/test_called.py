"""Which rooms a person means by a word."""

import pytest

from coterie.client.called import Known, rooms_called

OPS = Known("0a" * 16, "ops", is_direct=False, is_left=False)
LEFT = Known("0b" * 16, "ops", is_direct=False, is_left=True)
BOBB = Known("1a" * 32, "bobb", is_direct=True, is_left=False)
NAMED_BOBB = Known("1b" * 16, "bobb", is_direct=False, is_left=False)
NAMED_AT_BOBB = Known("1c" * 16, "@bobb", is_direct=False, is_left=False)
NAMED_ID = Known("2a" * 16, "0a0a0a0a", is_direct=False, is_left=False)
NAMED_WHOLE_ID = Known("2b" * 16, OPS.room_id, is_direct=False, is_left=False)
ALL = (OPS, LEFT, BOBB, NAMED_BOBB, NAMED_AT_BOBB, NAMED_ID, NAMED_WHOLE_ID)


@pytest.mark.parametrize(
    ("ref", "meant"),
    [
        ("ops", [OPS]),
        ("#ops", [OPS]),
        ("@ops", []),
        ("@bobb", [BOBB]),
        ("#bobb", [NAMED_BOBB]),
        ("bobb", [BOBB, NAMED_BOBB]),
        ("#@bobb", [NAMED_AT_BOBB]),
        ("0b", [LEFT]),
        ("0a0a0a0a", [NAMED_ID, OPS]),
        (OPS.room_id, [OPS]),
        ("nowhere", []),
        ("#", []),
    ],
)
def test_no_room_stands_for_another(ref: str, meant: list[Known]) -> None:
    assert rooms_called(ref, ALL, lambda room: room) == meant
