"""Token buckets, one for each key of a limit, and as many of them as are used of late. Pure but for what they hold."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Type = Literal["Server", "Namespace", "User", "SourceAndObject"]
TYPES: tuple[Type, ...] = ("Server", "Namespace", "User", "SourceAndObject")

_BUCKETS = 4096  # upstream's default


@dataclass(frozen=True, slots=True)
class Limit:
    """So many Events a second, and so many at once, for each server, namespace, user, or source and object."""

    type: Type
    qps: int
    burst: int
    cache_size: int = 0  # how many keys are remembered; 0 is the default

    def __post_init__(self) -> None:
        for field, least in (("burst", 1), ("qps", 1), ("cache_size", 0)):
            if getattr(self, field) < least:
                raise ValueError(f"limits: {field}: must {'be positive' if least else 'not be negative'}")


@dataclass(slots=True)
class _Bucket:
    """Tokens at a moment."""

    tokens: float
    filled: datetime

    def take(self, limit: Limit, now: datetime) -> bool:
        """Take a token, if one is there."""
        gained = max((now - self.filled).total_seconds(), 0.0) * limit.qps
        self.tokens, self.filled = min(self.tokens + gained, float(limit.burst)), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Enforcer:
    """One limit and its buckets."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._size = 1 if limit.type == "Server" else limit.cache_size or _BUCKETS
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()  # the least recently used first

    def __len__(self) -> int:
        return len(self._buckets)

    def accepts(self, key: str, now: datetime) -> bool:
        """Whether one more Event of this key may come now."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(float(self.limit.burst), now)
            if len(self._buckets) > self._size:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket.take(self.limit, now)


def refusals(enforcers: Sequence[Enforcer], keys: dict[Type, str], now: datetime) -> list[str]:
    """Which limits an Event breaks; it counts against all of them."""
    found = []
    for enforcer in enforcers:
        type_ = enforcer.limit.type
        if not enforcer.accepts(keys[type_], now):
            found.append(f"limit reached on type {type_} for key {keys[type_]}")
    return found
