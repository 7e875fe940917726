"""Looking for secrets in bytes, in every form in which software is likely to write them down."""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

Spell = Callable[[bytes], bytes]


def _inside(encode: Spell, shift: int) -> Spell:
    """Base64 of what stands ``shift`` bytes behind a group's beginning: the characters that it alone decides."""

    def spell(secret: bytes) -> bytes:
        encoded = encode(bytes(shift) + secret)
        return encoded[-(-shift * 8 // 6) : (shift + len(secret)) * 8 // 6]

    return spell


FORMS: Mapping[str, Spell] = MappingProxyType(
    {
        "raw": bytes,
        "hex": lambda secret: secret.hex().encode(),
        "upper case hex": lambda secret: secret.hex().upper().encode(),
        "spaced hex": lambda secret: secret.hex(" ").encode(),
        "repr": lambda secret: repr(secret)[2:-1].encode(),
        "utf-16-le": lambda secret: secret.decode("latin-1").encode("utf-16-le"),
        "utf-16-be": lambda secret: secret.decode("latin-1").encode("utf-16-be"),
        **{f"base64, {n}": _inside(base64.b64encode, n) for n in range(3)},
        **{f"url-safe base64, {n}": _inside(base64.urlsafe_b64encode, n) for n in range(3)},
    }
)


def find(secrets: Mapping[str, bytes], sources: Iterable[tuple[str, bytes]]) -> list[str]:
    """What was found where, in words."""
    spelled = [
        (name, form, spell(s)) for name, s in secrets.items() for form, spell in FORMS.items()
    ]
    return [
        f"{name} in {where}, {form}"
        for where, data in sources
        for name, form, sought in spelled
        if sought in data
    ]


def plant(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """The control of a search: bytes in which a secret is written, by the form, which is made otherwise than there."""
    text = secret.decode("latin-1")
    yield "raw", b"before " + secret + b" behind"
    yield "hex", f"key={secret.hex()};".encode()
    yield "upper case hex", base64.b16encode(b"before " + secret + b" behind")
    yield "spaced hex", " ".join(f"{byte:02x}" for byte in b"\0" + secret + b"\0").encode()
    yield "repr", f"Thing(value={secret!r}, other=1)".encode()
    yield "utf-16-le", f"before {text} behind".encode("utf-16-le")
    yield "utf-16-be", f"before {text} behind".encode("utf-16-be")
    for shift, before in enumerate((b"", b"1", b"12")):
        yield f"base64, {shift}", base64.standard_b64encode(before + secret + b" behind\xff\xfe")
        yield f"url-safe base64, {shift}", base64.urlsafe_b64encode(before + secret + b"\xfb\xff ?")


def files(folder: Path, *but: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file below a folder, without those of some names."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in but:
            yield path.as_posix(), path.read_bytes()
