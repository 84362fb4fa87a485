"""Answers that are good for a while: a bounded table, the longest unused forgotten first."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sampan.reconcile.clock import Clock

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """At most `size` answers."""

    def __init__(self, clock: Clock, size: int = 4096) -> None:
        self._clock, self._size = clock, size
        self._known: OrderedDict[Key, tuple[datetime, Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """The answer, as long as it is good."""
        found = self._known.get(key)
        if found is None:
            return None
        if found[0] <= self._clock.now():
            del self._known[key]
            return None
        self._known.move_to_end(key)
        return found[1]

    def put(self, key: Key, value: Value, seconds: float) -> None:
        """Remember an answer for some seconds."""
        self._known[key] = self._clock.now() + timedelta(seconds=seconds), value
        self._known.move_to_end(key)
        if len(self._known) > self._size:
            self._known.popitem(last=False)
