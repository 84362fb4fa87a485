"""How much work a request is: the seats that it takes while it is served, and those that its echo takes afterwards.

Lists take seats by the size of what is stored, writes by the number of those who watch. Called by fairness.py. Rules:
KEP-1040, "Support for LIST requests" and "Support for WATCH requests"; k8s.io/apiserver/pkg/util/flowcontrol/request.
"""

from collections.abc import Callable, Mapping
from math import ceil
from typing import NamedTuple

from sampan.apiserver.requestinfo import RequestInfo
from sampan.machinery.booleans import is_true

SERVICE_TIME = 0.003  # seconds that a request is expected to take
_BYTES_PER_SEAT = 100_000
_STREAMED = 1_000_000  # bytes of a list that are in memory at once
_MOST_FOR_LISTS, _MOST_FOR_WRITES = 100, 10
_WATCHES_PER_SEAT = 10
_TIME_PER_EVENT = 0.005  # seconds that a seat's watches take for an event


class Work(NamedTuple):
    """Seats while a request is served, and seats for some seconds after it."""

    seats: int
    later: int = 0
    seconds: float = 0.0

    @property
    def most(self) -> int:
        """Seats that are taken all the while."""
        return max(self.seats, self.later)

    @property
    def total(self) -> float:
        """In seat-seconds."""
        return self.seats * SERVICE_TIME + self.later * self.seconds


ONE = Work(1)


# Objects and bytes that are stored of what a request lists, everywhere.
Stored = Callable[[RequestInfo], tuple[int, int]]


def work_of(info: RequestInfo, query: Mapping[str, str], most: int, stored: Stored, watches: int) -> Work:
    """The work of a request at a level that gives one request at most so many seats (0: as many as there are)."""
    if info.verb in ("list", "watch"):
        return _listing(info, query, min(most or _MOST_FOR_LISTS, _MOST_FOR_LISTS), stored)
    if watches < _WATCHES_PER_SEAT or (info.resource == "serviceaccounts" and info.subresource == "token"):
        return ONE
    seats = ceil(watches / _WATCHES_PER_SEAT)
    later = min(seats, most or _MOST_FOR_WRITES, _MOST_FOR_WRITES)
    return Work(1, later, seats * _TIME_PER_EVENT / later)


def _listing(info: RequestInfo, query: Mapping[str, str], most: int, stored: Stored) -> Work:
    """Of a watch, its beginning: none where it begins at a revision."""
    revision = query.get("resourceVersion", "")
    if info.verb == "watch" and revision not in ("", "0") and not is_true(query.get("sendInitialEvents", "")):
        return ONE
    there, size = stored(info)
    if not there:
        return ONE
    objects = 1 if info.name else there
    limit = query.get("limit", "")
    if limit.isascii() and limit.isdigit() and len(limit) < 10 and int(limit):
        objects = min(objects, int(limit))
    at_once = min(objects * size // there, _STREAMED)
    return Work(max(1, min(ceil(at_once / _BYTES_PER_SEAT), most)))
