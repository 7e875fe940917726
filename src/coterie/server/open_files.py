"""How many connections the system allows: each is an open file."""

import resource
from dataclasses import replace

from coterie.logs import get_logger
from coterie.server.limits import SPARE_FILES, Limits

log = get_logger()


def within_open_files(limits: Limits) -> Limits:
    """Raises the number of open files to what is allowed; fewer connections where that is not enough for them.

    A server without a file to spare could not open its database, nor say to anybody that it is full.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY or limits.connections <= hard - SPARE_FILES:
        return limits
    most = max(1, hard - SPARE_FILES)
    log.warning("fewer-connections", connections=most, open_files=hard)
    return replace(limits, connections=most)
