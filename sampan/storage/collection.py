"""The current objects of one resource, in key order: what LIST reads.

Used by cache.py alone. Keys are "/group/plural/namespace/name" or "/group/plural/name"; a collection holds what lies
below "/group/plural/".
"""

from bisect import bisect_left, bisect_right, insort

from sampan.storage.cached import Cached, Items

_LAST = "\U0010ffff"  # sorts after every character that a key can have


def collection_of(key: str) -> str:
    """ "/core/pods/" of "/core/pods/default/web"."""
    return key[: key.find("/", key.find("/", 1) + 1) + 1]


class Collection:
    """Objects by key, their keys sorted, and the lists that were read since the last change."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.entries: dict[str, Cached] = {}
        self.changed = 0  # the revision of the last change
        self.size = 0  # bytes of all objects
        self._keys: list[str] = []
        self._lists: dict[str, Items] = {}

    def dress(self, head: bytes) -> None:
        """Give every object another head: the kind that is stored here has come, gone or changed."""
        if head == self.head:
            return
        self.head = head
        self.entries = {e.key: Cached(e.key, e.revision, e.value, head) for e in self.entries.values()}
        self._lists.clear()

    def put(self, cached: Cached) -> None:
        """Add or replace."""
        self.size += len(cached.value)
        if (old := self.entries.get(cached.key)) is not None:
            self.size -= len(old.value)
        else:
            if self._keys and self._keys[-1] > cached.key:
                insort(self._keys, cached.key)
            else:
                self._keys.append(cached.key)
        self.entries[cached.key] = cached
        self._touch(cached.revision)

    def remove(self, key: str, revision: int) -> None:
        """Take out, if it is there."""
        if (old := self.entries.pop(key, None)) is not None:
            self.size -= len(old.value)
            del self._keys[bisect_left(self._keys, key)]
        self._touch(revision)

    def below(self, prefix: str) -> Items:
        """All objects below a prefix; the same tuple until something changes."""
        items = self._lists.get(prefix)
        if items is None:
            start, end = self._range(prefix, "")
            if start == end:
                return Items()  # not remembered: clients may ask for any number of namespaces that there are not
            items = self._lists[prefix] = Items(map(self.entries.__getitem__, self._keys[start:end]))
        return items

    def part(self, prefix: str, start_after: str, limit: int) -> tuple[Items, int]:
        """Up to `limit` (0: all) objects below `prefix` with keys above `start_after`, and how many follow."""
        start, end = self._range(prefix, start_after)
        stop = min(end, start + limit) if limit else end
        return Items(map(self.entries.__getitem__, self._keys[start:stop])), end - stop

    def _range(self, prefix: str, start_after: str) -> tuple[int, int]:
        start = bisect_left(self._keys, prefix)
        if start_after:
            start = max(start, bisect_right(self._keys, start_after))
        return start, max(start, bisect_left(self._keys, prefix + _LAST))

    def _touch(self, revision: int) -> None:
        self.changed = max(self.changed, revision)
        if self._lists:
            self._lists.clear()
