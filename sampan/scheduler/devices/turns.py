"""How long devices are searched for: on one node, for one pod, and before others have a turn on the event loop."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """In steps of the allocator, each some microseconds."""

    turn: int = 1_000  # after which no other node is begun
    node: int = 2_000  # after which the search there is given up
    pod: int = 200_000  # for one pod, until nodes are given up unseen


class Turn:
    """Steps that are left until the loop looks at the others, which it may do at any await of the caller's."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._spent: int | None = None  # since the loop's last look

    @property
    def left(self) -> bool:
        """Whether there are any."""
        return self._spent is None or self._spent < self._most

    def spend(self, steps: int) -> None:
        """Count steps."""
        if self._spent is None:
            self._spent = 0
            asyncio.get_running_loop().call_soon(self._looked)
        self._spent += steps

    def _looked(self) -> None:
        self._spent = None
