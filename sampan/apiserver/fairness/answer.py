"""An answer that takes time and holds seats, which are given back whatever becomes of who waits for it."""

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any

from sampan.apiserver.fairness.queue import Ticket
from sampan.transport.messages import Reply


class Answer(Awaitable[Reply]):
    """An answer that takes time. Nobody may ever wait for it: who asked has gone. Then its seats are free again."""

    def __init__(self, ticket: Ticket, answer: Coroutine[Any, Any, Reply]) -> None:
        self._ticket, self._answer, self._begun = ticket, answer, False

    def __await__(self) -> Generator[Any, None, Reply]:
        self._begun = True
        return self._answer.__await__()

    def __del__(self) -> None:
        if not self._begun:
            self._answer.close()
            end(self._ticket)


def end(ticket: Ticket) -> None:
    """Out of the queue, if it never came to be served, and else off its seats."""
    queues = ticket.flow.level.queues
    if not queues.leave(ticket):
        queues.finish(ticket)
