"""Which account names are allowed: one rule for client and server."""

import re

RULE = "2 to 32 of a-z, 0-9, dot, dash and underscore, beginning with a letter"
_ALLOWED = re.compile(r"[a-z][a-z0-9._-]{1,31}")


def is_allowed(name: str) -> bool:
    """Whether ``name`` can be an account's: ASCII alone, so that no two names look the same."""
    return _ALLOWED.fullmatch(name) is not None
