"""One level's requests, on a clock that is turned by hand."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from sampan.apiserver.fairness.configuration import Queuing
from sampan.apiserver.fairness.counts import Counts
from sampan.apiserver.fairness.queue import Ticket
from sampan.apiserver.fairness.queue_set import CONCURRENCY_LIMIT, QUEUE_FULL, QueueSet
from sampan.apiserver.fairness.shuffle_sharding import flow_hash
from sampan.apiserver.fairness.work import ONE, Work


class _Flow:
    def __init__(self, name: str) -> None:
        self.name, self.counts = name, Counts()


class Rig:
    """A queue set, and who has been served."""

    def __init__(self, queuing: Queuing | None, limit: int | None) -> None:
        self.time = 0.0
        self.pending: list[tuple[float, Callable[[], None]]] = []
        self.queues = QueueSet(lambda: self.time, lambda after, call: self.pending.append((self.time + after, call)))
        self.queues.configure(queuing, limit)
        self.served: list[Ticket] = []
        self._flows: dict[str, _Flow] = {}

    def send(self, user: str, work: Work = ONE) -> Ticket | str:
        """One request; why it was refused, if it was."""
        flow = self._flows.setdefault(user, _Flow(user))
        ticket = Ticket(flow, work, user, lambda: self.served.append(ticket))
        why = self.queues.enter(ticket, flow_hash("schema", user))
        if self.queues.queuing is None and not why:
            self.served.append(ticket)
        return why or ticket

    def pass_time(self, seconds: float) -> None:
        """Turn the hands."""
        self.time += seconds
        due = [call for when, call in self.pending if when <= self.time]
        self.pending = [(when, call) for when, call in self.pending if when > self.time]
        for call in due:
            call()


MANY = Queuing(64, 6, 50)


def test_without_a_limit_everybody_is_served() -> None:
    rig = Rig(None, None)
    for _ in range(1000):
        rig.send("a")
    assert len(rig.served) == 1000
    assert rig.queues.open


def test_without_queues_what_is_too_much_is_refused() -> None:
    rig = Rig(None, 2)
    first = rig.send("a")
    rig.send("b")
    assert not rig.queues.open
    assert rig.send("c") == CONCURRENCY_LIMIT
    assert isinstance(first, Ticket)
    rig.queues.finish(first)
    assert rig.queues.open
    assert isinstance(rig.send("c"), Ticket)
    assert (rig.queues.rejected, rig.queues.executing) == (1, 2)


def test_a_full_queue_refuses_its_flow_only() -> None:
    rig = Rig(Queuing(8, 1, 3), 1)
    sent = [rig.send("a") for _ in range(4)]
    assert rig.send("a") == QUEUE_FULL
    other = next(user for user in "bcdefgh" if rig.send(user) != QUEUE_FULL)
    assert rig.queues.waiting == 4
    assert isinstance(sent[0], Ticket)
    rig.queues.finish(sent[0])
    assert rig.served[1].about in ("a", other)


def test_who_sends_much_does_not_hold_up_who_sends_little() -> None:
    """A flood of one user, and now and then a request of another: that one never waits for more than a few."""
    rig = Rig(MANY, 4)
    for _ in range(200):
        rig.send("flood")
    waits = []
    for _ in range(20):
        mine = rig.send("calm")
        served = len(rig.served)
        while mine not in rig.served:
            done = rig.served.pop(0) if len(rig.served) > 4 else rig.served[0]
            rig.pass_time(0.003)
            rig.queues.finish(done)
            rig.served = [ticket for ticket in rig.served if ticket is not done]
            served += 1
            rig.send("flood")
        waits.append(served)
        assert isinstance(mine, Ticket)
        rig.queues.finish(mine)
        rig.served.remove(mine)
    assert sum(waits) / len(waits) < 12, waits


def test_busy_flows_share_the_seats_equally() -> None:
    """Whatever they ask for: of three users, one sends ten times as much, one asks for wide requests."""
    rig, random, used = Rig(MANY, 12), Random(1), Counter[str]()
    offers = {"a": (10, ONE), "b": (1, ONE), "wide": (1, Work(4))}
    running: list[tuple[float, Ticket]] = []
    for _ in range(6000):
        for user, (times, work) in offers.items():
            for _ in range(times):
                rig.send(user, work)
        running += [(rig.time + random.uniform(0.001, 0.02), ticket) for ticket in rig.served]
        rig.served = []
        rig.pass_time(0.001)
        for ends, ticket in list(running):
            if ends <= rig.time:
                used[ticket.about] += ticket.work.seats * (rig.time - ticket.started)
                rig.queues.finish(ticket)
                running.remove((ends, ticket))
    shares = {user: used[user] / sum(used.values()) for user in used}
    assert all(0.23 < part < 0.43 for part in shares.values()), shares


def test_a_request_of_more_seats_than_there_are_is_served_alone() -> None:
    rig = Rig(MANY, 3)
    small = rig.send("a")
    rig.send("b", Work(10))
    assert len(rig.served) == 1
    assert isinstance(small, Ticket)
    rig.queues.finish(small)
    assert rig.served[-1].about == "b"
    rig.send("c")
    assert rig.served[-1].about == "b", "all seats are taken"


def test_seats_are_held_for_the_echo_of_a_write() -> None:
    """KEP-1040, "Support for WATCH requests": after the answer, for the watches."""
    rig = Rig(MANY, 10)
    ticket = rig.send("a", Work(1, 10, 0.05))
    assert isinstance(ticket, Ticket)
    rig.send("b")
    rig.queues.finish(ticket)
    assert [one.about for one in rig.served] == ["a"]
    rig.pass_time(0.04)
    assert [one.about for one in rig.served] == ["a"]
    rig.pass_time(0.02)
    assert [one.about for one in rig.served] == ["a", "b"]


def test_who_leaves_a_queue_holds_nobody_up() -> None:
    rig = Rig(MANY, 1)
    first = rig.send("a")
    wide = rig.send("b", Work(1, 10, 1.0))
    last = rig.send("c")
    assert isinstance(first, Ticket) and isinstance(wide, Ticket)
    assert rig.queues.leave(wide)
    assert not rig.queues.leave(first), "it is being served"
    rig.queues.finish(first)
    assert rig.served[-1] is last
    assert isinstance(last, Ticket)
    rig.queues.finish(last)
    assert rig.queues.idle
    assert not rig.queues.queues, "queues that nobody is in are forgotten"


def test_fewer_queues_are_emptied_first() -> None:
    rig = Rig(Queuing(64, 1, 50), 1)
    sent = [rig.send(f"user-{number}") for number in range(30)]
    rig.queues.configure(Queuing(2, 1, 50), 1)
    assert rig.queues.waiting == 29
    while len(rig.served) < 30:
        rig.queues.finish(rig.served[-1])
    assert {ticket.about for ticket in rig.served} == {ticket.about for ticket in sent if isinstance(ticket, Ticket)}


def test_more_seats_are_used_at_once() -> None:
    rig = Rig(MANY, 1)
    for _ in range(5):
        rig.send("a")
    rig.queues.configure(MANY, 3)
    assert len(rig.served) == 3


def test_demand_counts_those_that_wait_and_those_that_were_quick() -> None:
    rig = Rig(MANY, 2)
    rig.queues.meters.most_executing = 2
    rig.pass_time(1)
    rig.queues.meters.quick = 0.5
    for _ in range(5):
        rig.send("a")
    rig.pass_time(1)
    rig.queues.advance()
    period = rig.queues.meters.demand.reset()
    assert (period.seconds, period.most) == (2.0, 5.0)
    assert period.mean == pytest.approx((0.5 * 1 + 5 * 1) / 2)


def test_counts_come_back_to_nothing() -> None:
    rig, random = Rig(MANY, 3), Random(2)
    sent: list[Any] = []
    for _ in range(2000):
        rig.pass_time(random.uniform(0, 0.01))
        sent.append(rig.send(random.choice("abcdef"), random.choice([ONE, Work(2), Work(1, 3, 0.01)])))
        for ticket in random.sample(rig.served, min(len(rig.served), random.randrange(3))):
            rig.served.remove(ticket)
            rig.queues.finish(ticket)
        if random.random() < 0.2 and isinstance(sent[-1], Ticket):
            rig.queues.leave(sent[-1])
    while rig.served:
        rig.queues.finish(rig.served.pop())
        rig.pass_time(0.02)
    rig.pass_time(1)
    queues = rig.queues
    assert (queues.seats, queues.seats_waiting, queues.executing, queues.waiting) == (0, 0, 0, 0)
    assert queues.idle and not queues.queues and not queues.apart
