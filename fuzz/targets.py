"""All targets by name. Each takes any bytes, and returns."""

from fuzz.decoders import DECODERS, Target
from fuzz.members import JoinTarget, ProcessTarget

TARGETS: dict[str, Target] = {**DECODERS, "process": ProcessTarget(), "join": JoinTarget()}
