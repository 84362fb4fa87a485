"""Owners in turn, each one's things in order; held back and released."""

from hypothesis import given
from hypothesis import strategies as st

from sampan.reconcile.fair_line import FairLine


def drained(line: FairLine[int]) -> list[tuple[object, int]]:
    """All that comes out now."""
    found = []
    while (popped := line.pop()) is not None:
        found.append(popped)
    return found


def test_owners_have_turns() -> None:
    line: FairLine[int] = FairLine()
    for item in range(4):
        line.push("greedy", item)
    line.push("modest", 0)
    assert drained(line) == [("greedy", 0), ("modest", 0), ("greedy", 1), ("greedy", 2), ("greedy", 3)]


def test_who_is_held_back_is_passed_over_and_loses_nothing() -> None:
    line: FairLine[int] = FairLine()
    for item in range(2):
        line.push("a", item)
        line.push("b", item)
    line.hold("a")
    line.push("a", 2)
    assert drained(line) == [("b", 0), ("b", 1)]
    line.release("a")
    line.release("b")
    assert drained(line) == [("a", 0), ("a", 1), ("a", 2)]


@given(st.lists(st.tuples(st.sampled_from(["push", "hold", "release", "pop"]), st.sampled_from("abc"))))
def test_everything_comes_out_once_and_in_order(steps: list[tuple[str, str]]) -> None:
    line: FairLine[int] = FairLine()
    came: dict[object, list[int]] = {owner: [] for owner in "abc"}
    count = 0
    held = set()
    for step, owner in steps:
        if step == "push":
            line.push(owner, count)
            count += 1
        elif step == "hold":
            line.hold(owner)
            held.add(owner)
        elif step == "release":
            line.release(owner)
            held.discard(owner)
        elif (popped := line.pop()) is not None:
            assert popped[0] not in held
            came[popped[0]].append(popped[1])
    for owner in "abc":
        line.release(owner)
    for popped in drained(line):
        came[popped[0]].append(popped[1])
    assert sorted(item for items in came.values() for item in items) == list(range(count))
    assert all(items == sorted(items) for items in came.values())
