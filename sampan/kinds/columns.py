"""Printed columns that many kinds share, and the cell helpers that the others build from.

A kind's file lists its columns, as printers/internalversion/printers.go does; the API server turns them into a Table.
Cells are pure functions of (object, now).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from sampan.machinery.kind import Column
from sampan.machinery.meta import Object
from sampan.machinery.tables import AGE, NAME, UNKNOWN, name, since
from sampan.machinery.tree import get_path

__all__ = [
    "AGE",
    "CONTAINERS",
    "CREATED_AT",
    "IMAGES",
    "NAME",
    "NONE",
    "UNKNOWN",
    "count_column",
    "integer",
    "joined",
    "labels_text",
    "name",
    "since",
    "some_of",
    "text",
]

NONE = "<none>"


def created_at(obj: Object, now: datetime) -> str:
    """The time of creation itself; kinds without a printer of their own show this instead of an age."""
    return str(obj["metadata"].get("creationTimestamp") or "")


CREATED_AT = Column("Created At", created_at, type="date", description="Time of creation.")


def text(*path: str, default: str = "") -> Callable[[Object, datetime], str]:
    """A cell that shows the string at a path."""
    return lambda obj, now: str(get_path(obj, path) or default)


def integer(*path: str) -> Callable[[Object, datetime], int]:
    """A cell that shows the number at a path, 0 where there is none."""
    return lambda obj, now: int(get_path(obj, path, 0))


def count_column(title: str, *path: str, description: str = "") -> Column:
    """A column of numbers."""
    return Column(title, integer(*path), type="integer", description=description)


def joined(items: Iterable[str]) -> str:
    """Comma-separated, without spaces."""
    return ",".join(items)


def labels_text(labels: Mapping[str, str] | None) -> str:
    """A label map as a selector: sorted, a=b,c=d; <none> when empty."""
    return joined(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def some_of(items: Iterable[str], limit: int = 3) -> str:
    """The first few items and how many more there are: a,b,c + 2 more..."""
    found = list(items)
    more = f" + {len(found) - limit} more..." if len(found) > limit else ""
    return joined(found[:limit]) + more


def _containers(obj: Object) -> list[Object]:
    found: list[Object] = get_path(obj, ("spec", "template", "spec", "containers"), [])
    return found


CONTAINERS = Column(
    "Containers",
    lambda obj, now: joined(c["name"] for c in _containers(obj)),
    priority=1,
    description="Names of the template's containers.",
)
IMAGES = Column(
    "Images",
    lambda obj, now: joined(c.get("image", "") for c in _containers(obj)),
    priority=1,
    description="Images of the template's containers.",
)
