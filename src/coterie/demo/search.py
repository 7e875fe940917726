"""Looking for texts in bytes, in every form in which software is likely to write them down."""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Form(StrEnum):
    """How a text may be written."""

    RAW = "raw"
    HEX = "hex"
    BASE64 = "base64"
    UTF_16 = "utf-16"


@dataclass(frozen=True, slots=True)
class Hit:
    """A text that was found."""

    what: str
    form: Form
    where: str


def spellings(text: str) -> Iterator[tuple[Form, bytes]]:
    """All the bytes that show ``text``: if none of them is there, it is there in none of the forms.

    In base64 it begins at the first, second or third byte of a group, and its neighbours change the characters at
    its ends: those are left out.
    """
    raw = text.encode()
    yield Form.RAW, raw
    yield Form.HEX, raw.hex().encode()
    yield Form.HEX, raw.hex().upper().encode()
    for shift in range(3):
        yield Form.BASE64, _inner_base64(raw, shift, base64.b64encode)
        yield Form.BASE64, _inner_base64(raw, shift, base64.urlsafe_b64encode)
    yield Form.UTF_16, text.encode("utf-16-le")
    yield Form.UTF_16, text.encode("utf-16-be")


def plant(new_mark: Callable[[], str]) -> tuple[dict[str, str], bytes]:
    """A text of its own for each way of writing, by the way's name; and bytes in which all are written that way.

    Made otherwise than ``spellings``, so that a mistake in one shows in the other. Of three question marks one is the
    third byte of its group, where the two alphabets of base64 differ; and in ASCII one UTF-16 looks like the other.
    """
    texts = {way: f"{new_mark()}???€{new_mark()}" for way in _WRITERS}
    return texts, b"\n".join(write(texts[way]) for way, write in _WRITERS.items())


def find(texts: Mapping[str, str], sources: Iterable[tuple[str, bytes]]) -> list[Hit]:
    """Where which of the texts shows. Both are named."""
    wanted = [(what, form, seen) for what, text in texts.items() for form, seen in spellings(text)]
    hits = [
        Hit(what, form, where)
        for where, data in sources
        for what, form, seen in wanted
        if seen in data
    ]
    return list(dict.fromkeys(hits))


def _in_base64(before: str, encode: Callable[[bytes], bytes]) -> Callable[[str], bytes]:
    # what stands behind it has characters that differ in the two alphabets
    return lambda text: encode(f"{before}{text} behind".encode() + b"\xff\xfe\xfb?>")


_WRITERS: Mapping[str, Callable[[str], bytes]] = MappingProxyType(
    {
        "raw": lambda text: f"before {text} behind".encode(),
        "hex": lambda text: f"before {text} behind".encode().hex().encode(),
        "upper case hex": lambda text: base64.b16encode(f"before {text} behind".encode()),
        "base64": _in_base64("", base64.b64encode),
        "base64, second byte": _in_base64("1", base64.b64encode),
        "base64, third byte": _in_base64("12", base64.b64encode),
        "url-safe base64": _in_base64("", base64.urlsafe_b64encode),
        "url-safe base64, second byte": _in_base64("1", base64.urlsafe_b64encode),
        "url-safe base64, third byte": _in_base64("12", base64.urlsafe_b64encode),
        "utf-16, little end first": lambda text: f"before {text} behind".encode("utf-16-le"),
        "utf-16, big end first": lambda text: f"before {text} behind".encode("utf-16-be"),
    }
)


def _inner_base64(raw: bytes, shift: int, encode: Callable[[bytes], bytes]) -> bytes:
    """The characters that ``raw`` alone decides, behind ``shift`` other bytes."""
    encoded = encode(bytes(shift) + raw).rstrip(b"=")
    first = -(-shift * 8 // 6)  # characters in which one of the other bytes has a bit
    whole = (shift + len(raw)) * 8 // 6  # characters that are full before the last byte ends
    return encoded[first:whole]
