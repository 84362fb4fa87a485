"""The list-watch state machine, as a table."""

from collections.abc import Sequence
from typing import Any

import pytest

from sampan.client.reflector import Apply, Ended, Failed, Listed, Listing, Remove, Replace, Step, Watching, step
from sampan.client.transport import WatchEvent
from sampan.machinery.errors import Expired, Forbidden, InternalError, TooManyRequests


def obj(name: str, revision: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": revision}}


A3, A4 = obj("a", "3"), obj("a", "4")
SEEN = Watching("4", unproven=False, barren=False)

CASES: Sequence[tuple[Any, Any, Step]] = [
    (Listing(), Listed([A3], "7"), Step(Watching("7"), Replace([A3]))),
    (Listing(), Failed(InternalError("x")), Step(Listing(), back_off=True)),
    (Listing(), Failed(Expired("x")), Step(Listing(), back_off=True)),
    (Watching("3"), WatchEvent("ADDED", A4), Step(SEEN, Apply(A4))),
    (Watching("3"), WatchEvent("MODIFIED", A4), Step(SEEN, Apply(A4))),
    (Watching("3"), WatchEvent("DELETED", A4), Step(SEEN, Remove(A4))),
    (Watching("3"), WatchEvent("BOOKMARK", A4), Step(SEEN)),
    # A watch that delivered resumes at once, one that did not waits.
    (SEEN, Ended(), Step(Watching("4", unproven=False, barren=True))),
    (Watching("3"), Ended(), Step(Watching("3"), back_off=True)),
    # The revision stays good when the connection or the server does not.
    (SEEN, Failed(ConnectionResetError()), Step(Watching("4", unproven=False, barren=True), back_off=True)),
    (SEEN, Failed(TooManyRequests("x")), Step(Watching("4", unproven=False, barren=True), back_off=True)),
    (SEEN, Failed(InternalError("x")), Step(Watching("4", unproven=False, barren=True), back_off=True)),
    # 410 lists at once, unless it answers the revision of a list that has only just been made.
    (SEEN, Failed(Expired("x")), Step(Listing())),
    (Watching("3"), Failed(Expired("x")), Step(Listing(), back_off=True)),
    (SEEN, Failed(Forbidden("x")), Step(Listing(), back_off=True)),
]


@pytest.mark.parametrize(("state", "outcome", "expected"), CASES)
def test_step(state: Any, outcome: Any, expected: Step) -> None:
    assert step(state, outcome) == expected


def test_an_impossible_outcome_is_a_bug() -> None:
    with pytest.raises(TypeError):
        step(Listing(), Ended())
