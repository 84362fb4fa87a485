"""The class that objects get which name none: the newest of those that are marked as the default.

Called by admission for new objects, and by the binder of volumes for claims that are there already.
"""

from collections.abc import Collection, Iterable

from sampan.machinery.meta import Object, annotations_of, parse_time


def default_class(classes: Iterable[Object], marks: Collection[str]) -> str:
    """The name of the default class, by annotations of which one says "true"; empty where there is none.

    Several marked ones are the moment between two defaults: the newer wins, and of two as old the first by name.
    """
    marked = [one["metadata"] for one in classes if any(annotations_of(one).get(mark) == "true" for mark in marks)]
    order = sorted(marked, key=lambda meta: (-parse_time(meta["creationTimestamp"]).timestamp(), meta["name"]))
    return order[0]["name"] if order else ""
