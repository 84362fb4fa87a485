"""A request at its priority level, and a queue of such. Called by queue_set.py."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from sampan.apiserver.fairness.work import Work


class Ticket:
    """One request at its level. `about` is what the debug pages tell of it."""

    __slots__ = ("about", "arrived", "arrived_r", "flow", "queue", "started", "turn", "work")

    def __init__(self, flow: Any, work: Work, about: Any, turn: Callable[[], None]) -> None:
        self.flow, self.work, self.about, self.turn = flow, work, about, turn
        self.arrived = self.started = self.arrived_r = 0.0
        self.queue: Queue | None = None


class Queue:
    """One of a level's queues."""

    __slots__ = ("executing", "index", "next_r", "seats", "seats_waiting", "waiting", "work_waiting")

    def __init__(self, index: int) -> None:
        self.index = index
        self.waiting: OrderedDict[Ticket, None] = OrderedDict()
        self.executing: dict[Ticket, None] = {}
        self.next_r = 0.0  # when its next request is served in the virtual world
        self.seats = self.seats_waiting = 0  # seats that are taken, and asked for
        self.work_waiting = 0.0

    @property
    def first(self) -> Ticket:
        """Who has waited longest."""
        return next(iter(self.waiting))

    def add(self, ticket: Ticket) -> None:
        """At the end."""
        self.waiting[ticket] = None
        self.seats_waiting += ticket.work.most
        self.work_waiting += ticket.work.total

    def remove(self, ticket: Ticket) -> None:
        """From anywhere."""
        del self.waiting[ticket]
        self.seats_waiting -= ticket.work.most
        self.work_waiting = self.work_waiting - ticket.work.total if self.waiting else 0.0

    def catch_up(self) -> None:
        """Nobody is served before having come, in the virtual world either."""
        if self.waiting:
            self.next_r = max(self.next_r, self.first.arrived_r)
