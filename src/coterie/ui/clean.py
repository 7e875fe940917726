"""Text from others, made harmless before it is shown: it can't move the cursor, set a title or reorder a line."""

import re

# C0 and C1 controls but tab and newline; the bidirectional embeddings, overrides and isolates; line and
# paragraph separators, which some terminals take for newlines
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """``text`` with each harmful character as U+FFFD, so that people see that something was there."""
    return _HARMFUL.sub("\ufffd", text)


def clean_line(text: str) -> str:
    """The same on one line."""
    return clean(text).replace("\n", " ").replace("\t", " ")
