"""All targets by name. Each takes any bytes, and returns."""

from fuzz import server
from fuzz.decoders import DECODERS, Target
from fuzz.members import JoinTarget, ProcessTarget

TARGETS: dict[str, Target] = {**DECODERS, "process": ProcessTarget(), "join": JoinTarget()}
SERVER_TARGETS: dict[str, Target] = {"frames": server.frames, "session": server.session}
