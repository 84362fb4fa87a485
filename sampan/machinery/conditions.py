"""Status conditions as lists of trees: setting and removing without disturbing times that have not changed. Pure."""

from collections.abc import Sequence
from datetime import datetime

from sampan.machinery.meta import Object, format_time

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"


def find(conditions: Sequence[Object], type: str) -> Object | None:
    """The condition of a type."""
    return next((one for one in conditions if one["type"] == type), None)


def without(conditions: Sequence[Object], type: str) -> list[Object]:
    """All conditions but those of a type."""
    return [one for one in conditions if one["type"] != type]


def with_condition(
    conditions: Sequence[Object], type: str, status: str, reason: str, message: str, now: datetime, *, updates: bool
) -> list[Object]:
    """`conditions` with one set; unchanged where status and reason are the same already.

    The transition time moves only with the status. `updates` adds lastUpdateTime, which Deployments have.
    """
    old = find(conditions, type)
    if old is not None and old["status"] == status and old.get("reason") == reason:
        return list(conditions)
    stamp = format_time(now)
    changed = stamp if old is None or old["status"] != status else old.get("lastTransitionTime", stamp)
    new: Object = {"type": type, "status": status}
    if updates:
        new["lastUpdateTime"] = stamp
    new |= {"lastTransitionTime": changed, "reason": reason, "message": message}
    return [*without(conditions, type), new]
