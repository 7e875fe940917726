"""Which commands there are, so that the list of them costs no import of what they do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Entry(NamedTuple):
    """``module`` has the command as ``command``; ``summary`` is the first line of its help."""

    module: str
    summary: str


COMMANDS: Mapping[str, Entry] = MappingProxyType(
    {
        "demo": Entry(
            "coterie.cli.demo",
            "Watch two people talk through a server, and proof that nobody in between can read it.",
        ),
        "explain": Entry(
            "coterie.cli.explain", "Tell a handshake, a login and a message, step by step."
        ),
        "attack": Entry(
            "coterie.cli.attack", "Attack a server and its clients, and see what stops you."
        ),
        "serve": Entry(
            "coterie.cli.serve", "Run a server; print its address, fingerprint and an invite."
        ),
        "invite": Entry("coterie.cli.invite", "Make an invite to the server on this machine."),
        "backup": Entry("coterie.cli.backup", "Copy a server's data into one encrypted file."),
        "restore": Entry("coterie.cli.restore", "Make a server's data folder of a backup."),
        "check": Entry("coterie.cli.check", "Look whether a server's data is whole."),
        "join": Entry(
            "coterie.cli.join", "Make an account on a server, with this device as its first."
        ),
        "reach": Entry(
            "coterie.cli.reach", "Say where your server is, after it moved or got a certificate."
        ),
        "room": Entry("coterie.cli.room", "Make rooms, and say who is in them."),
        "send": Entry(
            "coterie.cli.send", "Send a message; end when the server has stored it durably."
        ),
        "msg": Entry(
            "coterie.cli.msg", "Send somebody a direct message, or begin direct messages."
        ),
        "read": Entry("coterie.cli.read", "Print the messages of a room."),
        "search": Entry(
            "coterie.cli.search",
            "Find messages in all that this device can read, the newest first.",
        ),
        "message": Entry("coterie.cli.message", "Edit, delete and react to messages."),
        "outbox": Entry(
            "coterie.cli.outbox", "See what waits to be sent or failed, send it again, give it up."
        ),
        "chat": Entry("coterie.cli.chat", "Talk, on the full screen or in lines."),
        "status": Entry(
            "coterie.cli.status", "Say all that is known about server, account, device and rooms."
        ),
        "verify": Entry(
            "coterie.cli.verify",
            "Compare safety numbers with somebody, and record that they match.",
        ),
        "acknowledge": Entry(
            "coterie.cli.acknowledge", "Say that you have seen a warning, so that sending goes on."
        ),
        "wireshark": Entry("coterie.cli.wireshark", "Let Wireshark show the protocol."),
    }
)
