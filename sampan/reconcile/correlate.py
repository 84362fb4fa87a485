"""Which event is written: the same again, one of many similar ones, or none because there are too many.

Pure but for its memory; time is an argument. The three stages and their numbers are those of client-go's
EventCorrelator: ten different messages of one reason about one object within ten minutes are combined, an event that
was written before has its count raised, and one source may write 25 events about an object at once, then one in
five minutes. Called by events.py.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from sampan.machinery.meta import Object

MAX_REMEMBERED = 4096
MAX_SIMILAR = 10
SIMILAR_WINDOW = 600.0  # seconds
SPAM_BURST = 25.0
SPAM_REFILL = 1 / 300  # per second
COMBINED = "(combined from similar events): "

V = TypeVar("V")


class Recent(Generic[V]):
    """A dict that forgets what was used longest ago."""

    def __init__(self, size: int = MAX_REMEMBERED) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable) -> V | None:
        """The value, now the most recently used one."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key]

    def put(self, key: Hashable, value: V) -> V:
        """Remember a value; returns it."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)
        return value

    def forget(self, key: Hashable) -> None:
        """Drop a value, if it is there."""
        self._values.pop(key, None)


@dataclass(frozen=True, slots=True)
class Written:
    """An event that stands in the API as far as we know."""

    name: str
    count: int
    first: str  # firstTimestamp


class Observation(NamedTuple):
    """What to write: the whole event, and whether it exists already so that a patch will do."""

    key: Hashable
    event: Object
    exists: bool


@dataclass(slots=True)
class _Similar:
    last: float
    messages: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float


class Correlator:
    """Remembers what one source has said."""

    def __init__(self) -> None:
        self._similar: Recent[_Similar] = Recent()
        self._written: Recent[Written] = Recent()
        self._buckets: Recent[_Bucket] = Recent()

    def observe(self, event: Object, now: float) -> Observation | None:
        """What becomes of a new event (count 1, private to us) at `now` seconds; None if it is spam."""
        event, key = self._combine(event, now)
        written = self._written.get(key)
        if written:
            event["metadata"]["name"] = written.name
            event["firstTimestamp"] = written.first
            event["count"] = written.count + 1
        self._written.put(key, Written(event["metadata"]["name"], event["count"], event["firstTimestamp"]))
        if not self._affords(_source_and_object(event), now):
            return None
        return Observation(key, event, written is not None)

    def forget(self, key: Hashable) -> None:
        """The event of this key is not in the API after all."""
        self._written.forget(key)

    def _combine(self, event: Object, now: float) -> tuple[Object, Hashable]:
        group = (*_source_and_object(event), event["type"], event["reason"])
        similar = self._similar.get(group)
        if similar is None or now - similar.last > SIMILAR_WINDOW:
            similar = self._similar.put(group, _Similar(now))
        similar.last = now
        similar.messages[event["message"]] = None
        if len(similar.messages) < MAX_SIMILAR:
            return event, (*group, event["involvedObject"].get("fieldPath"), event["message"])
        similar.messages.popitem()
        return {**event, "message": COMBINED + event["message"]}, group

    def _affords(self, key: Hashable, now: float) -> bool:
        bucket = self._buckets.get(key) or self._buckets.put(key, _Bucket(SPAM_BURST, now))
        bucket.tokens = min(SPAM_BURST, bucket.tokens + (now - bucket.filled) * SPAM_REFILL)
        bucket.filled = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def _source_and_object(event: Mapping[str, Any]) -> tuple[Hashable, ...]:
    source, about = event["source"], event["involvedObject"]
    parts = ("kind", "namespace", "name", "uid", "apiVersion")
    return (source.get("component"), source.get("host"), *(about.get(part) for part in parts))
