"""All errors that Coterie raises on purpose: few families, named by who is at fault."""


class CoterieError(Exception):
    """The root. ``hint`` says what a person can do next, where there is something to do.

    ``is_kept``: what was asked for is kept on this device and will be done; who asks again has it done twice.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.is_kept = False


class LocalProtocolError(CoterieError):
    """We broke the protocol: a bug here, or an API misused."""


class RemoteProtocolError(CoterieError):
    """The peer broke the protocol: drop the message or the session."""


class RuleViolation(RemoteProtocolError):
    """A message breaks a rule that everybody can check; ``rule`` is the rule's id in the docs."""

    def __init__(self, rule: str, message: str = "") -> None:
        super().__init__(f"{rule}: {message}" if message else rule)
        self.rule = rule


class NotAuthenticated(CoterieError):
    """Login refused. One error for every cause, on purpose."""


class ServerNotTrusted(CoterieError):
    """The server's static key is not the pinned one: nothing was sent to it."""


class Refused(CoterieError):
    """The other side understood and said no; ``code`` is one of ``wire.frames.Code``."""

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Unavailable(CoterieError):
    """Network or server is away: trying again later is right, and not before ``wait_s`` where it was named."""

    def __init__(self, message: str, *, hint: str = "", wait_s: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s


class InvalidInput(CoterieError):
    """What the person or the calling program gave cannot be used; nothing was done."""


class StorageError(CoterieError):
    """A file, folder or disk cannot be used: full, locked, of another version, not ours."""
