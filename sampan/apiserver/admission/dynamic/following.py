"""Configurations as the cache has them now, parsed once per change: an immutable tuple in the order of their names.

A write in a cluster without configurations pays for a look at a number. What is parsed of objects that stay is kept,
with what has been compiled of it. One for each plugin and kind.
"""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from sampan.apiserver.keys import storage_prefix
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.storage.cache import Cache
from sampan.storage.cached import Items

T = TypeVar("T")


class Followed(Generic[T]):
    """The objects of a kind, each as the parts that `parse` makes of it."""

    def __init__(self, kind: Kind, parse: Callable[[Object], Iterable[T]]) -> None:
        self._prefix, self._parse = storage_prefix(kind), parse
        self._changed = 0
        self._known: dict[str, tuple[int, tuple[T, ...]]] = {}
        self._parts: tuple[T, ...] = ()

    def current(self, cache: Cache) -> tuple[T, ...]:
        """All parts, in the order of the objects' names; the same tuple until an object changes."""
        changed = cache.changed(self._prefix)
        if changed != self._changed:
            self._changed = changed
            self._read(cache.list(self._prefix).items)
        return self._parts

    def _read(self, items: Items) -> None:
        known: dict[str, tuple[int, tuple[T, ...]]] = {}
        for entry in items:
            before = self._known.get(entry.key)
            if before is None or before[0] != entry.revision:
                before = (entry.revision, tuple(self._parse(entry.object)))
            known[entry.key] = before
        self._known = known
        self._parts = tuple(part for _, parts in known.values() for part in parts)
