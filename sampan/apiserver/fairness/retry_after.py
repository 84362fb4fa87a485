"""When who is refused should come again: the more are refused, the later.

Called by fairness.py. Rule: k8s.io/apiserver/pkg/util/flowcontrol (dropped_requests_tracker.go): the time doubles while
three times as many as its seconds are dropped within it, and falls by a second while less than one a second is.
"""

from collections import deque

_LONGEST = 32  # seconds


class Dropped:
    """Refusals of one priority level, second by second."""

    def __init__(self) -> None:
        self.retry_after = 1  # seconds
        self._second, self._count = 0, 0
        self._history: deque[tuple[int, int]] = deque(maxlen=_LONGEST + 1)
        self._raised = 0

    def note(self, second: int) -> None:
        """One more, in a second of the clock."""
        if second == self._second:
            self._count += 1
            return
        self._history.append((self._second, self._count))
        self._second, self._count = second, 1
        self._adjust(second)

    def _adjust(self, second: int) -> None:
        wait = self.retry_after
        dropped = sum(count for when, count in self._history if second - wait <= when < second)
        if second - self._raised >= wait and dropped >= 3 * wait:
            self.retry_after, self._raised = min(2 * wait, _LONGEST), second
        elif dropped < wait and wait > 1:
            self.retry_after = wait - 1
