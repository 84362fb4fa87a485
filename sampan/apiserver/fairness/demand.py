"""How many seats a level could have used, over time: means, deviations, peaks. Pure arithmetic on given moments.

Called by queue_set.py with every change, and by levels.py each time that seats are lent anew. Rule: KEP-1040,
"Borrowing"; k8s.io/apiserver/pkg/util/flowcontrol (seatDemandStats).
"""

from math import sqrt
from typing import NamedTuple

_SMOOTHING = 0.977  # of a period of ten seconds: half of it is forgotten in five minutes


class Period(NamedTuple):
    """What a period came to."""

    seconds: float
    mean: float
    deviation: float
    most: float


class Integrator:
    """Adds up a value over time since the last `reset`."""

    __slots__ = ("_integral", "_most", "_seconds", "_squares", "_value")

    def __init__(self) -> None:
        self._value = self._most = 0.0
        self._seconds = self._integral = self._squares = 0.0

    def passed(self, seconds: float, value: float) -> None:
        """The value has been this for so long."""
        self._seconds += seconds
        self._integral += value * seconds
        self._squares += value * value * seconds
        if seconds > 0 and value > self._most:
            self._most = value

    def now(self, value: float) -> None:
        """The value from here on."""
        self._value = value
        self._most = max(self._most, value)

    def reset(self) -> Period:
        """The period until now; the next one begins."""
        seconds, most = self._seconds, self._most
        mean = self._integral / seconds if seconds > 0 else 0.0
        variance = self._squares / seconds - mean * mean if seconds > 0 else 0.0
        self._seconds = self._integral = self._squares = 0.0
        self._most = self._value
        return Period(seconds, mean, sqrt(max(variance, 0.0)), most)


class Demand:
    """A level's demand, smoothed: it rises at once and falls slowly."""

    __slots__ = ("last", "smoothed")

    def __init__(self) -> None:
        self.last = Period(0.0, 0.0, 0.0, 0.0)
        self.smoothed = 0.0

    def update(self, period: Period) -> None:
        """One more period."""
        self.last = period
        if period.seconds > 0:
            envelope = period.mean + period.deviation
            self.smoothed = max(envelope, _SMOOTHING * self.smoothed + (1 - _SMOOTHING) * envelope)
