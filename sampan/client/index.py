"""An index over objects: value -> keys, kept up to date change by change. Used by informer.py only."""

from collections.abc import Callable, Collection, Iterable

from sampan.machinery.meta import Key, Object

# The values under which an object is filed; none leaves it out.
IndexFunction = Callable[[Object], Iterable[str]]


class Index:
    """Keys filed by the values of a function of their objects."""

    def __init__(self, values: IndexFunction) -> None:
        self._values = values
        self._filed: dict[str, dict[Key, None]] = {}  # a dict as an ordered set: reading has a stable order

    def keys(self, value: str) -> Collection[Key]:
        """What is filed under a value."""
        return self._filed.get(value, {}).keys()

    def change(self, key: Key, old: Object | None, new: Object | None) -> None:
        """File `key` as its new form demands instead of as its old one did."""
        before = set(self._values(old)) if old is not None else set()
        after = set(self._values(new)) if new is not None else set()
        for value in before - after:
            self._unfile(value, key)
        for value in after - before:
            self._filed.setdefault(value, {})[key] = None

    def _unfile(self, value: str, key: Key) -> None:
        filed = self._filed[value]
        del filed[key]
        if not filed:
            del self._filed[value]
