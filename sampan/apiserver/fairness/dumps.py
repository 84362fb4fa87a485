"""The debug pages of priority and fairness: levels, queues and requests as tables of text.

Called by nonresource/table.py. Format: documentation, "API Priority and Fairness", "Debug endpoints".
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sampan.apiserver.fairness.fairness import About, Fairness
from sampan.apiserver.fairness.levels import LevelState
from sampan.apiserver.fairness.queue import Queue, Ticket
from sampan.apiserver.nonresource.paths import Answer
from sampan.apiserver.query import parse_query
from sampan.transport.messages import Request, Response

PREFIX = "/debug/api_priority_and_fairness/"
_SHOWN = 1024  # queues of a level that are shown also where they are not in use
_NARROWEST = 8  # characters of a column
_LEVELS = (
    "PriorityLevelName", "ActiveQueues", "IsIdle", "IsQuiescing", "WaitingRequests", "ExecutingRequests",
    "DispatchedRequests", "RejectedRequests", "TimedoutRequests", "CancelledRequests",
)  # fmt: skip
_QUEUES = (
    "PriorityLevelName", "Index", "PendingRequests", "ExecutingRequests", "SeatsInUse", "NextDispatchR",
    "InitialSeatsSum", "MaxSeatsSum", "TotalWorkSum",
)  # fmt: skip
_REQUESTS = (
    "PriorityLevelName", "FlowSchemaName", "QueueIndex", "RequestIndexInQueue", "FlowDistingsher", "ArriveTime",
    "InitialSeats", "FinalSeats", "AdditionalLatency", "StartTime",
)  # fmt: skip
_DETAILS = ("UserName", "Verb", "APIPath", "Namespace", "Name", "APIVersion", "Resource", "SubResource")
_NEVER = "0001-01-01T00:00:00Z"


class Dumps:
    """The pages."""

    def __init__(self, fairness: Fairness) -> None:
        self._fairness = fairness

    def paths(self) -> dict[str, Answer]:
        """Path -> answer."""
        return {
            PREFIX + "dump_priority_levels": self.levels,
            PREFIX + "dump_queues": self.queues,
            PREFIX + "dump_requests": self.requests,
        }

    def levels(self, request: Request) -> Response:
        """A line for each priority level."""
        return _page(_LEVELS, (_level(name, state, self._dispatched(name)) for name, state in self._states()))

    def queues(self, request: Request) -> Response:
        """A line for each queue that is in use."""
        return _page(_QUEUES, (_queue(name, queue) for name, state in self._states() for queue in _queues_of(state)))

    def requests(self, request: Request) -> Response:
        """A line for each request, with what it asks for if the client wants that, too."""
        details = bool(parse_query(request.raw_query).get("includeRequestDetails"))
        rows = (
            [*self._request(name, place, index, ticket), *(_details(ticket.about) if details else ())]
            for name, state in self._states()
            for place, index, ticket in _tickets(state)
        )
        return _page((*_REQUESTS, *_DETAILS) if details else _REQUESTS, rows)

    def _dispatched(self, level: str) -> int:
        counts = self._fairness.levels.counts.items()
        return sum(found.dispatched + found.at_once for (name, _), found in counts if name == level)

    def _states(self) -> list[tuple[str, LevelState]]:
        return sorted(self._fairness.current().states.items())

    def _request(self, level: str, queue: int, index: int, ticket: Ticket) -> list[str]:
        about: About = ticket.about
        started = _NEVER
        if index < 0:
            started = _stamp(about.came + timedelta(seconds=max(0.0, ticket.started - ticket.arrived)))
        work = ticket.work
        return [
            level, ticket.flow.schema.name, str(queue), str(index), about.distinguisher, _stamp(about.came),
            str(work.seats), str(work.later), _seconds(work.seconds), started,
        ]  # fmt: skip


def _level(name: str, state: LevelState, dispatched: int) -> list[str]:
    queues = state.queues
    active = sum(bool(queue.waiting) for queue in queues.queues.values())
    return [
        name, str(active), _bool(queues.idle), _bool(state.quiescing), str(queues.waiting), str(queues.executing),
        str(dispatched), str(queues.rejected), "0", str(queues.cancelled),
    ]  # fmt: skip


def _queue(level: str, queue: Queue) -> list[str]:
    return [
        level, str(queue.index), str(len(queue.waiting)), str(len(queue.executing)), str(queue.seats),
        _work(queue.next_r), str(sum(ticket.work.seats for ticket in queue.waiting)), str(queue.seats_waiting),
        _work(queue.work_waiting),
    ]  # fmt: skip


def _queues_of(state: LevelState) -> list[Queue]:
    """All that the level has, used or not, as far as there are few; those in use of very many."""
    used, queuing = state.queues.queues, state.level.queuing
    many = queuing.queues if queuing else 0
    if many > _SHOWN:
        return [used[index] for index in sorted(used)]
    return [used.get(index) or Queue(index) for index in sorted({*range(many), *used})]


def _tickets(state: LevelState) -> Iterator[tuple[int, int, Ticket]]:
    """Queue, place in it (-1: being served) and ticket."""
    for index, queue in sorted(state.queues.queues.items()):
        yield from ((index, at, ticket) for at, ticket in enumerate(queue.waiting))
        yield from ((index, -1, ticket) for ticket in queue.executing)
    yield from ((-1, -1, ticket) for ticket in state.queues.apart)


def _details(about: About) -> list[str]:
    info = about.info
    version = f"{info.group}/{info.version}" if info.group else info.version
    return [about.user, info.verb, info.path, info.namespace, info.name, version, info.resource, info.subresource]


def _page(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Response:
    """Columns as wide as their widest cell, cells ended by commas, but for the last of a line."""
    table = [headings, *rows]
    widths = [max(_NARROWEST, max(map(len, column)) + 2) for column in zip(*table, strict=True)][:-1]
    lines = [_line(row, widths) for row in table]
    return Response(200, "".join(lines).encode("utf-8", "replace"), "text/plain; charset=utf-8")


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (f"{cell},".ljust(width) for cell, width in zip(row, widths, strict=False))
    return "".join([*cells, row[-1], "\n"])


def _bool(value: bool) -> str:
    return str(value).lower()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _seconds(seconds: float) -> str:
    """As Go writes a duration of less than a second."""
    return f"{seconds * 1000:g}ms" if seconds else "0s"


def _work(seat_seconds: float) -> str:
    return f"{seat_seconds:.8f}ss"
