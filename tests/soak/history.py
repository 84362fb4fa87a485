"""What was asked, what was answered and when, as one run of clients saw it. Judged by checks.py."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

OK, REFUSED, UNKNOWN = "ok", "refused", "unknown"  # of a write: it happened, it did not, nobody was told

Verb = Literal["create", "update", "delete"]


class State(NamedTuple):
    """An object: at which revision it was written, and what with."""

    revision: int
    value: str


class Write(NamedTuple):
    """One attempt to change one object. `expected` is the revision that it was to be at; 0 for a creation."""

    verb: Verb
    key: str
    value: str  # of a deletion, what was there
    expected: int
    sent: float
    received: float
    outcome: str
    revision: int = 0  # where it happened and we were told


class Read(NamedTuple):
    """One object, or none, as it was at some time between `sent` and `received`; at any earlier time if `stale`."""

    key: str
    found: State | None
    sent: float
    received: float


class Listed(NamedTuple):
    """All objects at a revision."""

    revision: int
    found: dict[str, State]
    sent: float
    received: float
    stale: bool = False


class Seen(NamedTuple):
    """One event of a watch; a bookmark has no key."""

    type: str  # ADDED, MODIFIED, DELETED, BOOKMARK
    revision: int
    key: str = ""
    value: str = ""


@dataclass(slots=True)
class Watched:
    """One watch: from which revision, and what came."""

    after: int
    events: list[Seen] = field(default_factory=list)


@dataclass(slots=True)
class History:
    """A whole run."""

    writes: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    lists: list[Listed] = field(default_factory=list)
    watches: list[Watched] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
