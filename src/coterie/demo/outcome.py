"""What a demo found, for who runs it and for scripts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coterie.demo.exchange import Exchange
from coterie.demo.look import SHOWN_BYTES
from coterie.demo.proofs import CLAIMS, Proof


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a demo found."""

    exchanges: tuple[Exchange, ...]
    proofs: tuple[Proof, ...]
    seconds: float
    kept: Path | None
    go_on: tuple[str, ...]  # the commands that do, where it was kept

    @property
    def holds(self) -> bool:
        """Whether all of it does."""
        return {proof.name for proof in self.proofs if proof.holds} == set(CLAIMS)

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "holds": self.holds,
            "seconds": round(self.seconds, 2),
            "conversation": [_as_json(exchange) for exchange in self.exchanges],
            "proofs": [
                {"name": p.name, "holds": p.holds, "claim": p.claim, "fact": p.fact}
                for p in self.proofs
            ],
            "kept": str(self.kept) if self.kept else None,
            "go_on": list(self.go_on),
        }


def _as_json(exchange: Exchange) -> dict[str, Any]:
    def carried(data: bytes) -> dict[str, Any]:
        return {"size": len(data), "first": data[:SHOWN_BYTES].hex()}

    entry = exchange.entry
    return {
        "sender": exchange.sender,
        "reader": exchange.reader,
        "text": exchange.text,
        "wire_up": carried(b"".join(exchange.up)),
        "stored": {"seq": entry.seq, "kind": entry.kind, **carried(entry.body)},
        "wire_down": carried(b"".join(exchange.down)),
    }
