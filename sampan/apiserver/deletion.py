"""Deciding a deletion: at once, or marked and waiting for a grace period or for finalizers. Pure.

How long an object of a kind goes on is the kind's to say (Kind.grace). Rules: k8s.io/apiserver/pkg/registry
(rest.BeforeDelete, generic/registry deletionFinalizersForGarbageCollection and markAsDeleting).
"""

from datetime import datetime
from typing import Any

from sampan.apiserver.options import DeleteOptions
from sampan.machinery.kind import Served
from sampan.machinery.meta import FOREGROUND, ORPHAN, Object, format_time, is_deleting, later, parse_time


def marked(served: Served, old: Object, options: DeleteOptions, now: datetime) -> Object:
    """The object as this deletion leaves it; it is finished (see writes/storing.py) when it need not wait.

    `old` itself where the deletion asks for nothing that is not under way.
    """
    kind, asked = served.kind, options.grace_seconds
    if asked is not None and asked < 0:
        asked = 1
    if _is_pending(old, asked):
        return old
    meta: dict[str, Any] = dict(old["metadata"])
    new = {**old, "metadata": meta}
    _set_finalizers(meta, _finalizers(served, old, options))
    if not is_deleting(old):
        _begin(meta, kind.grace(old, asked) if kind.grace else 0, now)
    elif asked is not None and meta.get("deletionGracePeriodSeconds"):
        _shorten(meta, asked, now)
    if kind.prepare_delete:
        kind.prepare_delete(new)
    return new


def _is_pending(old: Object, asked: int | None) -> bool:
    """Whether the object is going, and would be going for as long: only a nearer end is a new deletion."""
    remaining = old["metadata"].get("deletionGracePeriodSeconds")
    return is_deleting(old) and bool(remaining) and (asked is None or asked >= remaining)


def _begin(meta: dict[str, Any], grace: int, now: datetime) -> None:
    meta["deletionTimestamp"] = format_time(later(now, grace))
    meta["deletionGracePeriodSeconds"] = grace
    if meta.get("generation"):
        meta["generation"] += 1


def _shorten(meta: dict[str, Any], grace: int, now: datetime) -> None:
    """The end comes nearer, but never lies in the past: what is over already has a second, or nothing."""
    sooner = later(parse_time(meta["deletionTimestamp"]), grace - meta["deletionGracePeriodSeconds"])
    if sooner < now:
        sooner, grace = now, min(grace, 1)
    meta["deletionTimestamp"] = format_time(sooner)
    meta["deletionGracePeriodSeconds"] = grace


def _finalizers(served: Served, old: Object, options: DeleteOptions) -> list[str]:
    """The finalizers that the propagation policy asks for, besides those that are there."""
    found = list(old["metadata"].get("finalizers") or ())
    policy = options.propagation
    orphans = served.kind.default_orphan or served.version.default_orphan
    if not policy:  # keep what an earlier deletion asked for
        return found if not orphans or FOREGROUND in found or ORPHAN in found else [*found, ORPHAN]
    kept = [name for name in found if name not in (ORPHAN, FOREGROUND)]
    wanted = {"Orphan": ORPHAN, "Foreground": FOREGROUND}.get(policy)
    return [*kept, wanted] if wanted else kept


def _set_finalizers(meta: dict[str, Any], finalizers: list[str]) -> None:
    if finalizers:
        meta["finalizers"] = finalizers
    else:
        meta.pop("finalizers", None)
