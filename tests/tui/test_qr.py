"""QR codes in half-blocks."""

import pytest
import segno

from coterie.tui.qr import half_blocks
from coterie.ui import safety_code

NUMBER = " ".join(["01234", "56789"] * 6)


def squares(lines: list[str]) -> list[list[bool]]:
    """Which are dark."""
    rows = []
    for line in lines:
        rows.append([cell not in "█▀" for cell in line])
        rows.append([cell not in "█▄" for cell in line])
    return rows


@pytest.mark.parametrize("name", ["bo", "alice", "al_ice", "a" * 32])
def test_every_square_is_where_the_code_has_it_and_there_is_light_around(name: str) -> None:
    text = safety_code.encode(name, NUMBER)
    drawn = squares(half_blocks(text))
    inside = [row[4:-4] for row in drawn[4:][: len(drawn[0]) - 8]]
    assert inside == [[bool(dark) for dark in row] for row in segno.make(text, micro=False).matrix]
    around = [*drawn[:4], *drawn[len(inside) + 4 :], *(row[:4] + row[-4:] for row in drawn)]
    assert not any(map(any, around))


@pytest.mark.parametrize("name", ["bo", "a" * 32, "a_" * 16])
def test_there_is_room_for_any_account_beside_the_number(name: str) -> None:
    lines = half_blocks(safety_code.encode(name, NUMBER))
    assert len(lines) <= 25
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines[0]) <= 49
