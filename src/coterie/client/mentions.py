"""Who is addressed in a text: ``@name``. Found in the text alone, so that every device finds the same.

Code and quotes count as well: to know them takes a Markdown parser, and what is agreed should not hang on one.
"""

import re
from collections.abc import Iterator

from coterie.wire import names

# Not within a word, so that an e-mail address mentions nobody. As long as any name, and not a character longer.
_MENTION = re.compile(r"(?<![\w@.+-])@([A-Za-z][A-Za-z0-9._-]{1,31}+)(?![\w-])")
_END_OF_SENTENCE = "._-"  # may end a name, and mostly ends a sentence


def mentions(text: str) -> Iterator[tuple[int, int, str]]:
    """Each mention: where it begins and ends in ``text``, and the account's name.

    What ends a sentence is no part of a name, although it may be: ``@bob.`` is bob.
    """
    for candidate in _MENTION.finditer(text):
        found = mention_at(text, candidate.start())
        if found:
            yield candidate.start(), *found


def mention_at(text: str, position: int) -> tuple[int, str] | None:
    """Where a mention that begins there ends, and the name."""
    found = _MENTION.match(text, position)
    name = found[1].rstrip(_END_OF_SENTENCE).lower() if found else ""
    return (position + 1 + len(name), name) if names.is_allowed(name) else None


def is_mentioned(text: str, name: str) -> bool:
    """Whether ``text`` addresses that account. An account whose name ends in punctuation is never addressed."""
    return any(found == name for _, _, found in mentions(text))
