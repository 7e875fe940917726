"""A QR code in half-blocks: two of its squares, one above the other, in one cell. Pure.

The light squares are the blocks. So it is right side out without any colour on a dark terminal, and with white on
black on every one.
"""

from itertools import zip_longest

QUIET_ZONE = 4  # squares around it: "a region 4X wide which shall be free of all other markings" (ISO/IEC 18004)

_BLOCKS = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


def half_blocks(text: str) -> list[str]:
    """The lines of it, all as wide as it has squares."""
    import segno  # noqa: PLC0415  # where one is shown

    code = segno.make(text, micro=False)
    rows = [[not dark for dark in row] for row in code.matrix_iter(border=QUIET_ZONE)]
    light = [True] * len(rows[0])  # below an odd last row
    pairs = zip_longest(rows[::2], rows[1::2], fillvalue=light)
    return ["".join(_BLOCKS[pair] for pair in zip(*two, strict=True)) for two in pairs]
