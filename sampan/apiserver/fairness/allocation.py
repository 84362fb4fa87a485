"""How many seats each priority level has for now: those that it was given, without those that others have borrowed.

Pure. Called by levels.py every ten seconds and with each change of the configuration. Rules: KEP-1040, "Dispatching"
and "Borrowing"; k8s.io/apiserver/pkg/util/flowcontrol (updateBorrowing, computeConcurrencyAllocation).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import ceil
from typing import NamedTuple

from sampan.apiserver.fairness.configuration import Level

_SMALLEST_TARGET = 0.001
_PART_OF_ONE = 0.15  # of a level's seats that one request may take


class Limits(NamedTuple):
    """Seats of a level: by its shares, what it keeps however much others borrow, and the most that it may borrow up
    to."""

    nominal: int
    lower: int
    upper: int


class Need(NamedTuple):
    """What a level has needed lately: the most seats at once, and a smoothed measure of them."""

    limits: Limits
    most: int
    smoothed: float
    exempt: bool = False


class Allocation(NamedTuple):
    """Seats of each level, the targets that they were made of, and the fraction of a target that everybody gets."""

    seats: Mapping[str, int]
    targets: Mapping[str, float]
    fair: float


class Bounded(NamedTuple):
    """What one level wants, and between which bounds it gets it."""

    target: float
    lower: float
    upper: float


def limits_of(levels: Sequence[Level], total: int) -> dict[str, Limits]:
    """The server's seats divided by shares. Rounded up, they may come to a little more than `total`."""
    shares = sum(level.shares for level in levels) or 1
    found = {}
    for level in levels:
        nominal = ceil(total * level.shares / shares)
        lent = round_half_up(nominal * level.lendable / 100)
        borrowed = total if level.borrowing is None else round_half_up(nominal * level.borrowing / 100)
        found[level.name] = Limits(nominal, nominal - lent, nominal + borrowed)
    return found


def most_seats(nominal: int, hand: int) -> int:
    """The seats that a single request of a level with queues may take."""
    return max(1, min(ceil(nominal * _PART_OF_ONE), nominal // hand))


def round_half_up(value: float) -> int:
    """As Go rounds what is not negative."""
    return int(value + 0.5)


def allocate(needs: Mapping[str, Need]) -> Allocation:
    """Seats for now. While there are enough for all that is needed, limited levels share all there are, as upstream's
    do, whatever exempt ones take; else each gets what it must keep, and a part of what it needs besides.
    """
    total = sum(need.limits.nominal for need in needs.values())
    exempt = {name: max(need.limits.lower, need.most) for name, need in needs.items() if need.exempt}
    limited = {name: need for name, need in needs.items() if not need.exempt}
    floors = {name: max(need.limits.lower, min(need.limits.nominal, need.most)) for name, need in limited.items()}
    targets = {name: max(floors[name], need.smoothed) for name, need in limited.items()}
    left, least = total - sum(exempt.values()), sum(need.limits.lower for need in limited.values())
    fair = 0.0
    if left <= least:
        seats = {name: need.limits.lower for name, need in limited.items()}
    elif left <= (wanted := sum(floors.values())):
        part = (left - least) / (wanted - least)
        seats = {
            name: need.limits.lower + round_half_up((floors[name] - need.limits.lower) * part)
            for name, need in limited.items()
        }
    else:
        bounds = [Bounded(targets[name], floors[name], need.limits.upper) for name, need in limited.items()]
        given, fair = share(total, bounds)
        seats = dict(zip(limited, map(round_half_up, given), strict=True))
    return Allocation({**exempt, **seats}, {**exempt, **targets}, fair)


def share(total: float, wanted: Sequence[Bounded]) -> tuple[list[float], float]:
    """Divide `total` in proportion to the targets as far as bounds allow; also the proportion.

    All bounds are met: where they leave no choice, so be it. The sum of what is given grows with the proportion, and
    turns only where somebody meets a bound, so the proportion lies between two of those points.
    """
    targets = [max(one.target, _SMALLEST_TARGET) for one in wanted]

    def given(proportion: float) -> list[float]:
        return [
            max(one.lower, min(one.upper, proportion * target)) for one, target in zip(wanted, targets, strict=True)
        ]

    turns = sorted({bound / target for one, target in zip(wanted, targets, strict=True) for bound in one[1:]})
    at = bisect_right(turns, total, key=lambda turn: sum(given(turn)))
    if at in (0, len(turns)):  # the bounds leave no choice
        proportion = turns[at - 1 if at else 0] if turns else 0.0
        return given(proportion), proportion
    before, after = turns[at - 1], turns[at]
    low, high = sum(given(before)), sum(given(after))
    proportion = before + (after - before) * (total - low) / (high - low)
    return given(proportion), proportion
