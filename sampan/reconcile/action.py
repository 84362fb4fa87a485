"""What a reconciliation asks for: to be called again after a time, or only when something changes."""

from typing import NamedTuple


class Action(NamedTuple):
    """The result of reconcile(); make it with `after` or use `WAIT`."""

    requeue_after: float | None = None  # seconds


WAIT = Action()


def after(seconds: float) -> Action:
    """Reconcile this key again after so many seconds, or sooner when something changes."""
    return Action(seconds)


class TerminalError(Exception):
    """An error that a retry cannot mend: logged and counted, never requeued."""
