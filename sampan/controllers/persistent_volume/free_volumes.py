"""Free volumes, filed so that the smallest which fits a claim is found without looking at all of them.

Called by controller.py, which tells it of every change. It only offers: what is offered is judged by matching.py.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sampan.controllers.persistent_volume.matching import fits
from sampan.kinds.core.claim_validation import ATTRIBUTES, STORAGE
from sampan.kinds.core.volume_claims import class_of
from sampan.machinery import quantity
from sampan.machinery.meta import Key, Object, key_of
from sampan.machinery.tree import get_path


class _Sort(NamedTuple):
    """What volumes are alike in."""

    modes: frozenset[str]
    volume_mode: str
    attributes: str


class FreeVolumes:
    """By class, then by what they are alike in, the smallest first."""

    def __init__(self) -> None:
        self._classes: dict[str, dict[_Sort, list[tuple[int, str]]]] = {}

    def change(self, old: Object | None, new: Object | None) -> None:
        """A volume has come, gone or changed."""
        before, after = _place(old), _place(new)
        if before == after:
            return
        if before is not None:
            self._remove(*before)
        if after is not None:
            name, sort, item = after
            insort(self._classes.setdefault(name, {}).setdefault(sort, []), item)

    def offers(self, claim: Object, newest: Callable[[Key], Object | None]) -> Iterator[Object]:
        """Of each sort of volumes, the smallest that a claim could have; `newest` gives the newest form of one."""
        wanted = _sort(claim)
        size = _size(claim, ("spec", *STORAGE))
        for sort, items in self._classes.get(class_of(claim), {}).items():
            if wanted.modes <= sort.modes and wanted[1:] == sort[1:]:
                for place in range(bisect_left(items, (size, "")), len(items)):
                    volume = newest(Key("", items[place][1]))
                    if volume is not None and fits(volume, claim):
                        yield volume
                        break

    def _remove(self, name: str, sort: _Sort, item: tuple[int, str]) -> None:
        items = self._classes[name][sort]
        del items[bisect_left(items, item)]
        if not items:
            del self._classes[name][sort]
        if not self._classes[name]:
            del self._classes[name]


def is_free(volume: Object) -> bool:
    """Whether any claim may have it."""
    return get_path(volume, ("status", "phase")) == "Available" and get_path(volume, ("spec", "claimRef")) is None


def _place(volume: Object | None) -> tuple[str, _Sort, tuple[int, str]] | None:
    if volume is None or not is_free(volume):
        return None
    return class_of(volume), _sort(volume), (_size(volume, ("spec", "capacity", "storage")), key_of(volume).name)


def _sort(obj: Object) -> _Sort:
    spec = obj["spec"]
    return _Sort(
        frozenset(spec.get("accessModes") or ()), spec.get("volumeMode") or "Filesystem", spec.get(ATTRIBUTES) or ""
    )


def _size(obj: Object, path: tuple[str, ...]) -> int:
    return quantity.parse(str(get_path(obj, path, "0"))).nano
