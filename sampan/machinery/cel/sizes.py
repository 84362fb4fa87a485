"""Ranges of sizes and costs; arithmetic ends at the greatest unsigned integer. Upstream: cel-go checker/cost.go."""

import math
from dataclasses import dataclass

GREATEST = 2**64 - 1
MAX_REQUEST = 3 * 1024 * 1024  # bytes that a request may have: upstream's MaxRequestSizeBytes


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the most that a size or a cost can be."""

    least: int
    most: int

    def __add__(self, other: "Range") -> "Range":
        return Range(min(self.least + other.least, GREATEST), min(self.most + other.most, GREATEST))

    def __mul__(self, other: "Range") -> "Range":
        return Range(min(self.least * other.least, GREATEST), min(self.most * other.most, GREATEST))

    def __or__(self, other: "Range") -> "Range":
        return Range(min(self.least, other.least), max(self.most, other.most))

    def times(self, factor: float) -> "Range":
        """Multiplied and rounded up."""
        return Range(_scaled(self.least, factor), _scaled(self.most, factor))


def _scaled(value: int, factor: float) -> int:
    return min(math.ceil(float(value) * factor), GREATEST)


def exactly(value: int) -> Range:
    """A size that is known."""
    return Range(value, value)


UNKNOWN = Range(0, GREATEST)
NOTHING = Range(0, 0)
ONE = Range(1, 1)
