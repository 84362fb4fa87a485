"""A line in which owners are served in turn, however much each of them has brought.

What one owner brings keeps its order. Used where the work of many meets: the work queue and the rate limit, whose
owners are namespaces. Not a queue to wait at: that is the business of who uses it.
"""

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairLine(Generic[T]):
    """Everything takes constant time; an owner who has nothing here costs nothing."""

    __slots__ = ("_held", "_in_turn", "_lines", "_turns")

    def __init__(self) -> None:
        self._lines: dict[Hashable, deque[T]] = {}
        self._turns: deque[Hashable] = deque()
        self._in_turn: set[Hashable] = set()  # those of `_turns`; who is held back leaves it when it comes up
        self._held: set[Hashable] = set()

    def push(self, owner: Hashable, item: T) -> None:
        """Behind what this owner has here already."""
        self._lines.setdefault(owner, deque()).append(item)
        if owner not in self._held:
            self._give_turn(owner)

    def pop(self) -> tuple[Hashable, T] | None:
        """The first item of the owner whose turn it is, or None where all that is here is held back."""
        while self._turns:
            owner = self._turns.popleft()
            self._in_turn.discard(owner)
            if owner not in self._held:
                return owner, self._first(owner)
        return None

    def hold(self, owner: Hashable) -> None:
        """Pass over this owner until `release`."""
        self._held.add(owner)

    def release(self, owner: Hashable) -> None:
        """The owner has turns again."""
        if owner in self._held:
            self._held.discard(owner)
            if owner in self._lines:
                self._give_turn(owner)

    def _first(self, owner: Hashable) -> T:
        line = self._lines[owner]
        item = line.popleft()
        if line:
            self._give_turn(owner)
        else:
            del self._lines[owner]
        return item

    def _give_turn(self, owner: Hashable) -> None:
        if owner not in self._in_turn:
            self._in_turn.add(owner)
            self._turns.append(owner)
