"""The priority levels as they are: their seats for now, their requests, and which flow a request belongs to.

A level that nobody wants any more is kept until its last request has been served. Called by fairness.py. Rules:
KEP-1040; k8s.io/apiserver/pkg/util/flowcontrol (apf_controller.go).
"""

from collections.abc import Callable
from typing import Any

from sampan.apiserver.authentication.user import User
from sampan.apiserver.fairness.allocation import Allocation, Limits, Need, allocate, limits_of, most_seats
from sampan.apiserver.fairness.configuration import Configuration, Level, Schema
from sampan.apiserver.fairness.counts import QUICK, Counts
from sampan.apiserver.fairness.demand import Demand
from sampan.apiserver.fairness.matching import matches
from sampan.apiserver.fairness.queue_set import QueueSet
from sampan.apiserver.fairness.retry_after import Dropped
from sampan.apiserver.requestinfo import RequestInfo

_REMEMBERED = 4096  # requests of which it is known where they belong
_USUAL = 128  # characters of a path that is remembered


class LevelState:
    """One level. `limits` are those of its shares, `seats` those of now."""

    def __init__(self, level: Level, queues: QueueSet) -> None:
        self.level, self.queues = level, queues
        self.limits = Limits(0, 0, 0)
        self.seats, self.target = 0, 0.0
        self.most_seats = 0  # of one request; 0: any number
        self.demand, self.dropped = Demand(), Dropped()
        self.quiescing = False

    def configure(self, level: Level, limits: Limits, quiescing: bool) -> None:
        """What the objects say by now."""
        new = self.limits == (0, 0, 0)
        self.level, self.limits, self.quiescing = level, limits, quiescing
        if new:
            self.seats = limits.nominal - (limits.nominal - limits.lower) // 2
        queuing = level.queuing
        self.most_seats = most_seats(limits.nominal, queuing.hand) if queuing else 0
        self.queues.meters.most_waiting = queuing.queues * queuing.length if queuing else 1

    def give(self, seats: int, target: float, total: int) -> None:
        """So many seats from now on."""
        self.seats, self.target = seats, target
        self.queues.meters.most_executing = seats or max(1, round(total / 10))
        self.queues.configure(self.level.queuing, None if self.level.exempt else seats)


class Flow:
    """A schema at work. `headers` say of each answer where it belonged."""

    __slots__ = ("counts", "headers", "level", "schema")

    def __init__(self, schema: Schema, level: LevelState, counts: Counts) -> None:
        self.schema, self.level, self.counts = schema, level, counts
        self.headers = (
            ("X-Kubernetes-Pf-Flowschema-Uid", schema.uid),
            ("X-Kubernetes-Pf-Prioritylevel-Uid", level.level.uid),
        )

    def answered(self, seconds: float, info: RequestInfo) -> None:
        """A request that was answered at once."""
        self.level.queues.meters.quick += seconds
        counts = self.counts
        if seconds <= QUICK and info.verb != "watch":
            counts.at_once += 1
            counts.seconds_at_once += seconds
        else:
            counts.served(seconds, 1, watch=info.verb == "watch")

    def distinguisher(self, user: User, info: RequestInfo) -> str:
        """What tells the flows of the schema apart."""
        return {"ByUser": user.name, "ByNamespace": info.namespace}.get(self.schema.by, "")


class Levels:
    """All of them. `total` is the number of seats that the server has."""

    def __init__(self, total: int, now: Callable[[], float], later: Callable[[float, Callable[[], None]], Any]) -> None:
        self.total, self.fair = total, 0.0
        self.states: dict[str, LevelState] = {}
        self.counts: dict[tuple[str, str], Counts] = {}  # by level and schema
        self._flows: list[Flow] = []
        self._known: dict[object, Flow] = {}
        self._now, self._later = now, later

    def configure(self, configuration: Configuration) -> None:
        """Go by these from now on."""
        leaving = {
            name: state.level
            for name, state in self.states.items()
            if name not in configuration.levels and not state.queues.idle
        }
        wanted = {**configuration.levels, **leaving}
        limits = limits_of(list(wanted.values()), self.total)
        self.states = {name: self.states.get(name) or self._state(level) for name, level in wanted.items()}
        for name, level in wanted.items():
            self.states[name].configure(level, limits[name], name in leaving)
        self._flows = [self._flow(schema) for schema in configuration.schemas]
        self._known.clear()
        self.lend()

    def lend(self) -> None:
        """Divide the seats anew, by what was needed since the last time."""
        needs = {}
        for name, state in self.states.items():
            state.queues.advance()
            state.demand.update(state.queues.meters.demand.reset())
            most, smoothed = round(state.demand.last.most), state.demand.smoothed
            needs[name] = Need(state.limits, most, smoothed, state.level.exempt)
        found: Allocation = allocate(needs)
        self.fair = found.fair
        for name, state in self.states.items():
            state.give(found.seats[name], found.targets[name], self.total)

    def drained(self) -> bool:
        """Whether a level that nobody wants has become idle."""
        return any(state.quiescing and state.queues.idle for state in self.states.values())

    def flow_of(self, user: User, info: RequestInfo) -> Flow:
        """Where a request belongs: to the first schema that matches it, in the end to the one for all that is left."""
        if info.is_resource:
            place: object = (
                user.name, user.groups, info.verb, info.group, info.resource, info.subresource, info.namespace
            )  # fmt: skip
        else:
            place = (user.name, user.groups, info.verb, info.path)
        flow = self._known.get(place)
        return flow or self._find(place, user, info)

    def _find(self, place: object, user: User, info: RequestInfo) -> Flow:
        flow = next((flow for flow in self._flows if matches(flow.schema.rules, user, info)), self._flows[-1])
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        if len(info.path) <= _USUAL:
            self._known[place] = flow
        return flow

    def _state(self, level: Level) -> LevelState:
        return LevelState(level, QueueSet(self._now, self._later))

    def _flow(self, schema: Schema) -> Flow:
        counts = self.counts.setdefault((schema.level, schema.name), Counts())
        return Flow(schema, self.states[schema.level], counts)
