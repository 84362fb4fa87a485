"""Deciding a deletion: at once, or marked and waiting for a grace period or for finalizers. Pure.

Rules: k8s.io/apiserver/pkg/registry (rest.BeforeDelete, generic/registry deletionFinalizersForGarbageCollection)
and the pod strategy's CheckGracefulDelete.
"""

from datetime import datetime
from typing import Any

from sampan.apiserver.options import DeleteOptions
from sampan.machinery.kind import Kind, Served
from sampan.machinery.meta import FOREGROUND, ORPHAN, Object, format_time, later, parse_time

_DEFAULT_GRACE = 30  # seconds, for pods that name none


def marked(served: Served, old: Object, options: DeleteOptions, now: datetime) -> Object:
    """The object as this deletion leaves it; it is finished (see writes.is_finished) when it need not wait."""
    meta: dict[str, Any] = dict(old["metadata"])
    new = {**old, "metadata": meta}
    _set_finalizers(meta, _finalizers(served, old, options))
    kind = served.kind
    if meta.get("deletionTimestamp"):
        _shorten(meta, options.grace_seconds)
    else:
        grace = _grace(kind, old, options)
        meta["deletionTimestamp"] = format_time(later(now, grace))
        meta["deletionGracePeriodSeconds"] = grace
        if meta.get("generation"):
            meta["generation"] += 1
    if kind.plural == "namespaces" and not kind.group:
        new["status"] = {**(old.get("status") or {}), "phase": "Terminating"}
    return new


def _shorten(meta: dict[str, Any], grace: int | None) -> None:
    """A second deletion may only bring the end nearer, and only where it says so."""
    before = meta.get("deletionGracePeriodSeconds")
    if before is None or grace is None or grace >= before:
        return
    sooner = later(parse_time(meta["deletionTimestamp"]), max(grace, 0) - before)
    meta["deletionTimestamp"] = format_time(sooner)
    meta["deletionGracePeriodSeconds"] = max(grace, 0)


def _grace(kind: Kind, old: Object, options: DeleteOptions) -> int:
    """Seconds that the object keeps running; only pods on a node have any."""
    if kind.plural != "pods" or kind.group:
        return 0
    spec = old["spec"]
    grace = options.grace_seconds
    if grace is None:
        grace = spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE)
    if not spec.get("nodeName") or (old.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    return 1 if grace < 0 else int(grace)


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
