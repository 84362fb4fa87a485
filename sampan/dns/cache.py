"""Answers about our own names, by the bytes of their queries. No I/O.

A query but for its id decides its answer, so a hit costs one look-up. Answers are dropped when what they tell may have
changed, never by time. Called by server.py (reading) and follow.py (dropping).
"""

from collections.abc import Iterable

_CAPACITY = 10_000
_LONGEST_QUERY = 320  # bytes: the longest name, and an OPT record with a cookie; padding would fill the memory


class AnswerCache:
    """query without id -> the answer without id, in one or more orders that are given in turn."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._answers: dict[bytes, tuple[bytes, ...]] = {}
        self._queries: dict[str, set[bytes]] = {}
        self._turn = 0

    def get(self, query: bytes) -> bytes | None:
        """The answer to a query, both without id."""
        orders = self._answers.get(query)
        if orders is None:
            return None
        self._turn += 1
        return orders[self._turn % len(orders)]

    def put(self, name: str, query: bytes, orders: tuple[bytes, ...]) -> None:
        """Keep an answer about a name. A full cache is emptied: what is asked for often is back at once."""
        if len(query) > _LONGEST_QUERY:
            return
        if len(self._answers) >= self._capacity:
            self.clear()
        self._answers[query] = orders
        self._queries.setdefault(name, set()).add(query)

    def drop(self, names: Iterable[str]) -> None:
        """Forget all answers about these names."""
        for name in names:
            for query in self._queries.pop(name, ()):
                del self._answers[query]

    def clear(self) -> None:
        """Forget everything."""
        self._answers.clear()
        self._queries.clear()

    def __len__(self) -> int:
        return len(self._answers)
