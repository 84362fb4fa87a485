"""What is measured of a level over time: how its seats and queues were used, and how many seats it could have used.

Requests that are answered at once take no seat that anybody could see; their time is added up in `quick`, and counted
as that of one seat more. Called by queue_set.py; metrics.py shows it. Names and bounds:
k8s.io/apiserver/pkg/util/flowcontrol/metrics.
"""

from sampan.apiserver.fairness.demand import Integrator
from sampan.apiserver.histogram import Histogram

SEATS = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
REQUESTS = (0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1)
DEMANDS = (0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.8, 4, 6)
_NANOSECONDS = 1_000_000_000


class Meters:
    """Of one level."""

    def __init__(self) -> None:
        self.quick = 0.0  # seconds of requests that were answered at once, since time last passed
        self.most_waiting = self.most_executing = 1  # what the ratios are of
        # Of each nanosecond, the ratio then.
        self.seats_used, self.demanded = Histogram(SEATS), Histogram(DEMANDS)
        self.requests_executing, self.requests_waiting = Histogram(REQUESTS), Histogram(REQUESTS)
        self.demand = Integrator()
        self._seats = self._wanted = self._executing = self._waiting = 0

    def passed(self, seconds: float) -> None:
        """So much time since the last call, during which nothing else changed."""
        quick = min(self.quick, seconds)
        self.quick = 0.0
        if quick > 0:
            self._add(quick, 1)
        self._add(seconds - quick, 0)
        self.requests_waiting.observe(self._waiting / self.most_waiting, seconds * _NANOSECONDS)

    def _add(self, seconds: float, more: int) -> None:
        weight = seconds * _NANOSECONDS
        self.seats_used.observe((self._seats + more) / self.most_executing, weight)
        self.requests_executing.observe((self._executing + more) / self.most_executing, weight)
        self.demanded.observe((self._wanted + more) / self.most_executing, weight)
        self.demand.passed(seconds, self._wanted + more)

    def now(self, seats: int, seats_waiting: int, executing: int, waiting: int) -> None:
        """How it is from here on."""
        self._seats, self._wanted, self._executing, self._waiting = seats, seats + seats_waiting, executing, waiting
        self.demand.now(self._wanted)
