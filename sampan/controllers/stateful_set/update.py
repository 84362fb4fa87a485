"""Which pods of a StatefulSet make room for those of its new template. Pure.

From the highest place down to the partition, and never so many that more than maxUnavailable are unavailable; in
parallel, pods of the old template that are unavailable anyway go at once. Rules: docs, StatefulSets, "Update
strategies"; KEP-961.
"""

from collections.abc import Iterable

from sampan.controllers.stateful_set.plan import View
from sampan.controllers.stateful_set.pods import revision_of
from sampan.machinery.int_or_percent import scaled
from sampan.machinery.meta import Object, is_deleting


def outdated(seen: View) -> list[Object]:
    """The pods to delete now, given that scaling has nothing left to wait for."""
    strategy = seen.stateful_set["spec"].get("updateStrategy") or {}
    if strategy.get("type") != "RollingUpdate":
        return []
    rolling = strategy.get("rollingUpdate") or {}
    room = _max_unavailable(rolling, len(seen.ordinals)) - _unavailable(seen)
    old = _old(seen, rolling.get("partition") or 0)
    if not seen.is_parallel:
        return old[: max(room, 0)]
    broken = [pod for pod in old if not seen.is_available(pod)]
    sound = [pod for pod in old if seen.is_available(pod)]
    return broken + sound[: max(room, 0)]


def _old(seen: View, partition: int) -> list[Object]:
    """Those of another template that are not on their way out, from the highest place down to the partition."""
    lowest = seen.ordinals.start + partition
    found: Iterable[tuple[int, Object]] = reversed(seen.replicas.items())
    return [
        pod
        for ordinal, pod in found
        if ordinal >= lowest and revision_of(pod) != seen.update.name and not is_deleting(pod)
    ]


def _unavailable(seen: View) -> int:
    """Places without an available pod."""
    return len(seen.ordinals) - sum(map(seen.is_available, seen.replicas.values()))


def _max_unavailable(rolling: Object, replicas: int) -> int:
    """In pods; percentages are rounded down, and one pod may always be."""
    value = rolling.get("maxUnavailable")
    return 1 if value is None else max(scaled(value, replicas, up=False), 1)
