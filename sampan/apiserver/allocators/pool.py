"""A pool of consecutive numbers. Automatic allocation is random and prefers the upper band, static choice is free.

The band split keeps well-known static choices (like 10.96.0.10) from being taken by chance: KEP-3070 for addresses,
KEP-3668 for node ports.
"""

import random


class PoolError(Exception):
    """Why a number cannot be had; the text is upstream's."""


class Pool:
    """Numbers from `first` to `first + size - 1`; those below `first + band` are for static choice."""

    def __init__(self, first: int, size: int, band: int, noun: str, described: str) -> None:
        self.first, self.size, self.band = first, size, band
        self._noun, self._described = noun, described
        self._taken: set[int] = set()
        self._random = random.SystemRandom()

    def __contains__(self, number: int) -> bool:
        return number in self._taken

    def take(self, number: int, shown: str) -> None:
        """Take a particular number; raises PoolError."""
        if not self.first <= number < self.first + self.size:
            raise PoolError(f"the provided {self._noun} ({shown}) is not in the valid range. {self._described}")
        if number in self._taken:
            raise PoolError(f"provided {self._noun} is already allocated")
        self._taken.add(number)

    def take_any(self) -> int:
        """Take a free number; raises PoolError when all are taken."""
        for low, high in ((self.band, self.size), (0, self.band)):
            number = self._free(self.first + low, high - low)
            if number is not None:
                self._taken.add(number)
                return number
        raise PoolError("range is full")

    def _free(self, low: int, count: int) -> int | None:
        """A free number of a band: by luck, then by search from a random place."""
        if count <= 0:
            return None
        for _ in range(16):
            number = low + self._random.randrange(count)
            if number not in self._taken:
                return number
        start = self._random.randrange(count)
        candidates = (low + (start + step) % count for step in range(count))
        return next((number for number in candidates if number not in self._taken), None)

    def mark(self, number: int) -> None:
        """Note a number that is in use already; outside of the range it does not matter."""
        if self.first <= number < self.first + self.size:
            self._taken.add(number)

    def release(self, number: int) -> None:
        """Give back."""
        self._taken.discard(number)
