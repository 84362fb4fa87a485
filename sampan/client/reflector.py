"""List and watch as an explicit state machine: which request comes next, and what the last answer changed.

Pure: `step` takes a state and the outcome of the request that the state asks for, and gives the next state, what the
copy of the collection must take over, and whether to back off first. informer.py makes the requests and keeps the copy.

The rules are those of the API concepts page, "Efficient detection of changes": list, watch from the list's
resourceVersion, resume a watch that ends from the last revision seen (bookmarks count), list again after 410.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sampan.client.transport import WatchEvent
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Object


@dataclass(frozen=True, slots=True)
class Listing:
    """The next request is a LIST."""


@dataclass(frozen=True, slots=True)
class Watching:
    """The next request, or the one under way, is a WATCH after `revision`."""

    revision: str
    unproven: bool = True  # nothing has come since the list: if its revision expires, lists are of no use just now
    barren: bool = True  # nothing has come on this connection: if it ends, the next would fare no better at once


State = Listing | Watching


@dataclass(frozen=True, slots=True)
class Listed:
    """A LIST answered."""

    items: Sequence[Object]
    revision: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The server closed the WATCH in good order."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A request or its connection failed."""

    error: Exception


Outcome = Listed | WatchEvent | Ended | Failed


@dataclass(frozen=True, slots=True)
class Replace:
    """The collection is exactly these objects."""

    items: Sequence[Object]


@dataclass(frozen=True, slots=True)
class Apply:
    """One object is there in this form."""

    object: Object


@dataclass(frozen=True, slots=True)
class Remove:
    """One object is gone; this is its last form."""

    object: Object


Delta = Replace | Apply | Remove


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from an outcome."""

    state: State
    delta: Delta | None = None
    back_off: bool = False  # wait before the next request


def step(state: State, outcome: Outcome) -> Step:
    """The transition function. Raises TypeError for an outcome that the state cannot have."""
    match state, outcome:
        case Listing(), Listed(items, revision):
            return Step(Watching(revision), Replace(items))
        case Watching(), WatchEvent():
            return _delivered(outcome)
        case Watching(), Ended():
            return Step(replace(state, barren=True), back_off=state.barren)
        case _, Failed(error):
            return _failed(state, error)
    raise TypeError(f"{outcome} cannot follow {state}")


def _delivered(event: WatchEvent) -> Step:
    state = Watching(event.object["metadata"]["resourceVersion"], unproven=False, barren=False)
    if event.type == "BOOKMARK":
        return Step(state)
    return Step(state, Remove(event.object) if event.type == "DELETED" else Apply(event.object))


def _failed(state: State, error: Exception) -> Step:
    """A lost connection or a busy server leaves the revision good; a refusal of it, or of us, calls for a new list."""
    if isinstance(state, Listing):
        return Step(state, back_off=True)
    if not isinstance(error, APIError) or error.status_code == 429 or error.status_code >= 500:
        return Step(replace(state, barren=True), back_off=True)
    return Step(Listing(), back_off=error.status_code != 410 or state.unproven)
