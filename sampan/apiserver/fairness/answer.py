"""Answers that take time and hold seats, which are given back whatever becomes of who waits for them."""

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any

from sampan.apiserver.fairness.queue import Ticket
from sampan.transport.messages import Reply


class Seats:
    """What a request holds, or waits for; free when it says so, or when nobody knows of it any more."""

    __slots__ = ("_ticket",)

    def __init__(self, ticket: Ticket) -> None:
        self._ticket: Ticket | None = ticket

    def free(self) -> None:
        """Out of the queue, if it never came to be served, and else off its seats. May be called twice."""
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            queues = ticket.flow.level.queues
            if not queues.leave(ticket):
                queues.finish(ticket)

    def __del__(self) -> None:
        self.free()


class Answer(Awaitable[Reply]):
    """An answer that takes time, and frees its seats itself once it has begun. It may never begin: who asked has
    gone."""

    def __init__(self, ticket: Ticket, answer: Coroutine[Any, Any, Reply]) -> None:
        self._ticket, self._answer, self._begun = ticket, answer, False

    def __await__(self) -> Generator[Any, None, Reply]:
        self._begun = True
        return self._answer.__await__()

    def __del__(self) -> None:
        if not self._begun:
            self._answer.close()
            Seats(self._ticket).free()
