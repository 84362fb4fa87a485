"""What became of a probe or a hook."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went; `message` is empty or says what is wrong (or, of a successful command, what it said)."""

    success: bool
    message: str = ""
    warning: bool = False  # a success that the user is told about
