"""The requests of one priority level: those that are served, and those that wait in queues for a seat.

Fair queuing in seat-seconds: a virtual clock R runs as fast as each busy queue would be served if all were served at
once, and whose request would be done first in that world is served first in this one. Times are given, nothing here
waits: a ticket's `turn` is called when its time has come. Called by fairness.py. Rules: KEP-1040, "Fair Queuing for
Server Requests"; k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset. Numbers are floats here, so that R needs
no epochs.
"""

from collections.abc import Callable
from typing import Any

from sampan.apiserver.fairness.configuration import Queuing
from sampan.apiserver.fairness.meters import Meters
from sampan.apiserver.fairness.queue import Queue, Ticket
from sampan.apiserver.fairness.shuffle_sharding import deal
from sampan.apiserver.fairness.work import SERVICE_TIME

CONCURRENCY_LIMIT, QUEUE_FULL, TIME_OUT = "concurrency-limit", "queue-full", "time-out"


class QueueSet:
    """See the module. `limit` None: no limit."""

    def __init__(self, now: Callable[[], float], later: Callable[[float, Callable[[], None]], Any]) -> None:
        self.queuing: Queuing | None = None
        self.limit: int | None = 0
        self.meters = Meters()
        self._now, self._later = now, later
        self.queues: dict[int, Queue] = {}  # those that are in use
        self.apart: dict[Ticket, None] = {}  # served without having been in a queue
        self.seats = self.seats_waiting = self.executing = self.waiting = 0
        self.dispatched = self.rejected = self.cancelled = 0
        self.r = 0.0
        self._robin = 0  # the queue that was served last
        self._enqueued = 0
        self._last = now()
        self.open = False  # whether a request of one seat that is answered at once may be, without a ticket

    def configure(self, queuing: Queuing | None, limit: int | None) -> None:
        """Queues that there are too many of are emptied first, as they are."""
        self.advance()
        self.queuing, self.limit = queuing, limit
        self._dispatch()

    @property
    def idle(self) -> bool:
        """Whether there is nobody."""
        return not self.waiting and not self.executing

    def free(self, seats: int) -> bool:
        """The same for one of more seats."""
        return not self.waiting and self._fits(seats)

    def enter(self, ticket: Ticket, entropy: int) -> str:
        """Let a request in: served now, or later by its turn. Returns why not, "" where it has been.

        One that `free` has let begin, and that turns out to take time, comes here too.
        """
        self.advance()
        ticket.arrived, ticket.arrived_r = self._last, self.r
        if self.queuing is None:
            if not self._fits(ticket.work.most):
                self.rejected += 1
                return CONCURRENCY_LIMIT
            self.apart[ticket] = None
            self._start(ticket)
            self._measure()
            return ""
        queue = self._shortest(entropy, self.queuing)
        if len(queue.waiting) >= self.queuing.length and self.limit is not None and self.seats >= self.limit:
            self.rejected += 1
            return QUEUE_FULL
        self._enqueue(ticket, queue)
        self._dispatch()
        return ""

    def leave(self, ticket: Ticket) -> bool:
        """Nobody waits for the answer any more: out of the queue, if that is where it is."""
        queue = ticket.queue
        if queue is None or ticket not in queue.waiting:
            return False
        self.advance()
        queue.remove(ticket)
        queue.catch_up()
        self._waits(ticket, -1)
        self.rejected += 1
        self.cancelled += 1
        self._forget(queue)
        self._dispatch()
        return True

    def finish(self, ticket: Ticket) -> None:
        """It has been served. Its seats are free, or will be."""
        self.advance()
        self.executing -= 1
        if (queue := ticket.queue) is not None:
            del queue.executing[ticket]
            took = self._last - ticket.started
            queue.next_r -= ticket.work.seats * (SERVICE_TIME - took)
            queue.catch_up()
        else:
            del self.apart[ticket]
        ticket.flow.counts.executing -= 1
        if ticket.work.seconds > 0:
            self._measure()
            self._later(ticket.work.seconds, lambda: self._release(ticket))
        else:
            self._release(ticket)

    def advance(self) -> None:
        """Let the virtual clock, and all that is measured over time, come to now."""
        now = self._now()
        passed, self._last = now - self._last, now
        busy = len(self.queues)
        if busy:
            wanted = self.seats + self.seats_waiting
            self.r += passed * (wanted if self.limit is None else min(wanted, self.limit)) / busy
        self.meters.passed(passed)

    def _release(self, ticket: Ticket) -> None:
        self.advance()
        self.seats -= ticket.work.most
        ticket.flow.counts.seats_executing -= ticket.work.most
        if (queue := ticket.queue) is not None:
            queue.seats -= ticket.work.most
            self._forget(queue)
        self._dispatch()

    def _fits(self, seats: int) -> bool:
        """One that asks for more than there is may have all of it."""
        return self.limit is None or self.seats + seats <= self.limit or (seats > self.limit and not self.executing)

    def _shortest(self, entropy: int, queuing: Queuing) -> Queue:
        """The one of a flow's hand that has the least work waiting, those in turn that have as much."""
        hand = deal(entropy, queuing.queues, queuing.hand)
        offset = self._enqueued % len(hand)
        self._enqueued += 1
        hand = hand[offset:] + hand[:offset]
        index = min(hand, key=lambda index: self.queues[index].work_waiting if index in self.queues else 0.0)
        return self.queues.get(index) or Queue(index)

    def _enqueue(self, ticket: Ticket, queue: Queue) -> None:
        if not queue.waiting and not queue.executing:
            queue.next_r = self.r
        self.queues[queue.index] = queue
        ticket.queue = queue
        queue.add(ticket)
        self._waits(ticket, +1)
        ticket.flow.counts.queue_lengths.observe(len(queue.waiting))
        queue.catch_up()

    def _waits(self, ticket: Ticket, change: int) -> None:
        self.waiting += change
        self.seats_waiting += change * ticket.work.most
        counts = ticket.flow.counts
        counts.in_queues += change
        counts.seats_in_queues += change * ticket.work.most

    def _dispatch(self) -> None:
        """Serve as many as there are seats for."""
        while self.waiting and (self.limit is None or self.seats < self.limit):
            queue = self._next()
            if not self._fits(queue.first.work.most):
                queue.first.flow.counts.no_accommodation += 1
                break
            ticket = queue.first
            self._robin = queue.index
            queue.remove(ticket)
            self._waits(ticket, -1)
            queue.executing[ticket] = None
            queue.seats += ticket.work.most
            queue.next_r += ticket.work.total
            queue.catch_up()
            self._start(ticket)
            ticket.turn()
        self._measure()

    def _next(self) -> Queue:
        """The queue whose first request is done first in the virtual world; of equals, the one after the last."""
        many = self.queuing.queues if self.queuing else 1

        def order(queue: Queue) -> tuple[float, int]:
            return queue.next_r + queue.first.work.total, (queue.index - self._robin - 1) % many

        return min((queue for queue in self.queues.values() if queue.waiting), key=order)

    def _start(self, ticket: Ticket) -> None:
        ticket.started = self._last
        self.executing += 1
        self.seats += ticket.work.most
        counts = ticket.flow.counts
        counts.executing += 1
        counts.seats_executing += ticket.work.most

    def _forget(self, queue: Queue) -> None:
        if not queue.waiting and not queue.executing and not queue.seats:
            del self.queues[queue.index]

    def _measure(self) -> None:
        self.open = self.free(1)
        self.meters.now(self.seats, self.seats_waiting, self.executing, self.waiting)
