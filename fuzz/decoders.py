"""A target for each decoder of ``coterie.mls``: any bytes decode, or raise RemoteProtocolError.

What decodes must encode to the same bytes: two encodings of one value would let one thing have two hashes.
"""

import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

import coterie.mls
from coterie.errors import RemoteProtocolError
from coterie.mls.codec import Reader, decode
from coterie.mls.credential import read_credential
from coterie.mls.external_senders import read_external_senders
from coterie.mls.framing import decode_message, encode_message
from coterie.mls.proposals import encode_proposal_or_ref, read_proposal, read_proposal_or_ref
from coterie.mls.psk import read_psk_id
from coterie.mls.ratchet_tree import RatchetTree, encode_node, read_node
from coterie.mls.suites import SUITES

Target = Callable[[bytes], None]
ONE = SUITES[1]


def rebuilt(value: Any) -> Any:
    """The same without the encodings that some values keep."""
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(
            **{f.name: rebuilt(getattr(value, f.name)) for f in fields(value) if f.init}
        )
    return tuple(map(rebuilt, value)) if isinstance(value, tuple) else value


def target(decode_it: Callable[[bytes], Any], encode_it: Callable[[Any], bytes]) -> Target:
    """Tries bytes on a decoder and its encoder."""

    def run(data: bytes) -> None:
        try:
            value = decode_it(data)
        except RemoteProtocolError:
            return
        again = encode_it(rebuilt(value))
        assert again == data, f"{data.hex()} encodes to {again.hex()}"

    return run


def structs() -> Iterator[Any]:
    """Every class with a ``decode`` that takes a Reader alone."""
    for module in pkgutil.iter_modules(coterie.mls.__path__):
        found = import_module(f"coterie.mls.{module.name}")
        for _, struct in inspect.getmembers(found, inspect.isclass):
            decoder = getattr(struct, "decode", None)
            if struct.__module__ != found.__name__ or decoder is None:
                continue
            if list(inspect.signature(decoder).parameters) == ["reader"]:
                yield struct


def name_of(struct: type) -> str:
    """``LeafNode`` is ``leaf-node``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", struct.__name__).lower()


def _read(read: Callable[[Reader], Any]) -> Callable[[bytes], Any]:
    return lambda data: decode(read, data)


def _encode(value: Any) -> bytes:
    encoded: bytes = value.encode()
    return encoded


def _encode_tree(tree: RatchetTree) -> bytes:
    return RatchetTree(ONE, [rebuilt(node) for node in tree.nodes]).encode()


def _read_senders(data: bytes) -> None:
    try:
        read_external_senders(data)
    except RemoteProtocolError:
        return


DECODERS: dict[str, Target] = {
    **{name_of(struct): target(_read(struct.decode), _encode) for struct in structs()},
    "message": target(decode_message, encode_message),
    "proposal": target(_read(read_proposal), _encode),
    "proposal-or-ref": target(_read(read_proposal_or_ref), encode_proposal_or_ref),
    "pre-shared-key-id": target(_read(read_psk_id), _encode),
    "credential": target(_read(read_credential), _encode),
    "node": target(_read(read_node), encode_node),
    "ratchet-tree": target(lambda data: RatchetTree.decode(ONE, data), _encode_tree),
    "external-senders": _read_senders,
}
