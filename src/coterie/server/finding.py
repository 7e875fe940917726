"""What a check finds."""

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """Something that must not be. ``check`` names the rule, ``problem`` says where and how it is broken."""

    check: str
    problem: str
