"""Waits between attempts that grow and jitter, so that many clients do not come back all at once."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class BackOff:
    """0.8 s doubling to 30 s, each stretched at random by up to its own length: the numbers of client-go."""

    first: float = 0.8
    most: float = 30.0
    random: Callable[[], float] = field(default=random.random)
    failures: int = 0

    def next(self) -> float:
        """How many seconds to wait now; the following wait is longer."""
        wait = min(self.first * 2.0**self.failures, self.most)
        self.failures = min(self.failures + 1, 64)  # far beyond `most`; keeps the power finite
        return wait * (1 + self.random())

    def reset(self) -> None:
        """Begin anew, after a success."""
        self.failures = 0
