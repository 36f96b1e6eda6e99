class LocalFailure(Exception):
    """What went wrong on this machine and what to do, as one sentence for the person at it."""


class StopRequested(Exception):
    """Ctrl-C or SIGTERM came while something was being started."""
