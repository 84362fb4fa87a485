"""How large each ReplicaSet of a Deployment is to be next. Pure arithmetic; used by plan.py.

`sizes` in results name only the ReplicaSets that change. Rules: docs, Deployment, "Rolling Update Deployment" and
"Proportional scaling"; upstream's pkg/controller/deployment (rolling.go, sync.go).
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sampan.controllers.deployment.revision import DESIRED, MAXIMUM, by_age
from sampan.machinery.int_or_percent import scaled
from sampan.machinery.meta import Object, annotations_of, integer_of

Sizes = dict[str, int]  # name -> spec.replicas


class Bounds(NamedTuple):
    """How far from its size a Deployment may be while it changes, in pods."""

    surge: int
    unavailable: int


def bounds(deployment: Object) -> Bounds:
    """maxSurge (percentages rounded up) and maxUnavailable (rounded down, and 1 where both would be 0)."""
    strategy = deployment["spec"].get("strategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return Bounds(0, 0)
    wanted = wanted_of(deployment)
    parameters = strategy.get("rollingUpdate") or {}
    surge = scaled(parameters.get("maxSurge", "25%"), wanted, up=True)
    unavailable = scaled(parameters.get("maxUnavailable", "25%"), wanted, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(surge, min(unavailable, wanted))


def wanted_of(deployment: Object) -> int:
    """spec.replicas, 1 where it is missing."""
    wanted = deployment["spec"].get("replicas")
    return 1 if wanted is None else int(wanted)


def maximum_of(deployment: Object) -> int:
    """As many pods as there may be during an update."""
    return wanted_of(deployment) + bounds(deployment).surge


def size_of(rs: Object) -> int:
    """spec.replicas of a ReplicaSet."""
    return int(rs["spec"].get("replicas") or 0)


def available_of(rs: Object) -> int:
    """status.availableReplicas of a ReplicaSet."""
    return int((rs.get("status") or {}).get("availableReplicas") or 0)


def total(sets: Iterable[Object]) -> int:
    """The sum of their sizes."""
    return sum(map(size_of, sets))


def name_of(rs: Object) -> str:
    """The key of Sizes."""
    return str(rs["metadata"]["name"])


def next_size_of_new(deployment: Object, size: int, all_sizes: int) -> int:
    """How large the current ReplicaSet, now `size` of `all_sizes` pods, may become at once."""
    wanted = wanted_of(deployment)
    if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
        return wanted
    room = maximum_of(deployment) - all_sizes
    return size if room <= 0 else size + min(room, wanted - size)


def grow_new(deployment: Object, new: Object, old: Sequence[Object]) -> Sizes:
    """The current ReplicaSet nearer to the wanted size: down at once, up as far as the surge allows."""
    size, wanted = size_of(new), wanted_of(deployment)
    following = wanted if size > wanted else next_size_of_new(deployment, size, size + total(old))
    return {} if following == size else {name_of(new): following}


def shrink_old(deployment: Object, new: Object, old: Sequence[Object]) -> Sizes:
    """Old ReplicaSets as small as may be without too few pods being available; first their unhealthy pods go."""
    least = wanted_of(deployment) - bounds(deployment).unavailable
    everything = size_of(new) + total(old)
    removable = everything - least - (size_of(new) - available_of(new))
    if total(old) == 0 or removable <= 0:
        return {}
    sizes = {name_of(rs): size_of(rs) for rs in old}
    _drop_unhealthy(old, sizes, removable)
    _drop_available(old, sizes, sum(map(available_of, [new, *old])) - least)
    return {name_of(rs): sizes[name_of(rs)] for rs in old if sizes[name_of(rs)] != size_of(rs)}


def _drop_unhealthy(old: Sequence[Object], sizes: Sizes, removable: int) -> None:
    for rs in by_age(old):
        unhealthy = min(removable, max(0, size_of(rs) - available_of(rs)))
        sizes[name_of(rs)] -= unhealthy
        removable -= unhealthy


def _drop_available(old: Sequence[Object], sizes: Sizes, removable: int) -> None:
    for rs in by_age(old):
        gone = max(0, min(removable, sizes[name_of(rs)]))
        sizes[name_of(rs)] -= gone
        removable -= gone


def is_scaling(deployment: Object, sets: Iterable[Object]) -> bool:
    """Whether the Deployment's size was changed since its ReplicaSets were last scaled."""
    desired = (integer_of(annotations_of(rs).get(DESIRED, ""), 32) for rs in sets if size_of(rs))
    return any(size is not None and size >= 0 and size != wanted_of(deployment) for size in desired)


def scale(deployment: Object, new: Object | None, old: Sequence[Object]) -> Sizes:
    """Sizes for a Deployment that was scaled or is paused: in proportion where several ReplicaSets have pods."""
    wanted = wanted_of(deployment)
    only = _active_or_latest(new, old)
    if only is not None:
        return {} if size_of(only) == wanted else {name_of(only): wanted}
    if new is not None and _is_saturated(deployment, new):
        return {name_of(rs): 0 for rs in old if size_of(rs)}
    if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
        return {}
    return _in_proportion(deployment, [rs for rs in [*old, *([new] if new else [])] if size_of(rs)])


def _active_or_latest(new: Object | None, old: Sequence[Object]) -> Object | None:
    """The only ReplicaSet with pods; where none has any, the current or else the youngest one."""
    active = [rs for rs in [new, *old] if rs is not None and size_of(rs)]
    if not active:
        return new or next(reversed(by_age(old)), None)
    return active[0] if len(active) == 1 else None


def _is_saturated(deployment: Object, new: Object) -> bool:
    """Whether the update is over but for the removal of old pods."""
    wanted = wanted_of(deployment)
    desired = annotations_of(new).get(DESIRED)
    return size_of(new) == wanted and desired == str(wanted) and available_of(new) == wanted


def _in_proportion(deployment: Object, active: Sequence[Object]) -> Sizes:
    allowed = maximum_of(deployment) if wanted_of(deployment) > 0 else 0
    to_add = allowed - total(active)
    ordered = _by_size(active, newest_first=to_add > 0)
    sizes, added = {name_of(rs): size_of(rs) for rs in ordered}, 0
    for rs in ordered:
        share = _share(deployment, rs, to_add, added)
        sizes[name_of(rs)] += share
        added += share
    if ordered and to_add:  # what rounding left over goes to the largest
        first = name_of(ordered[0])
        sizes[first] = max(0, sizes[first] + to_add - added)
    return sizes


def _by_size(sets: Sequence[Object], *, newest_first: bool) -> list[Object]:
    """Largest first; among equals the newest or the oldest."""
    aged = by_age(sets)
    return sorted(reversed(aged) if newest_first else aged, key=size_of, reverse=True)


def _share(deployment: Object, rs: Object, to_add: int, added: int) -> int:
    """What one ReplicaSet gains (or loses) of `to_add` pods, of which `added` have been given already."""
    if to_add == 0 or to_add == added:
        return 0
    fraction, left = _fraction(deployment, rs), to_add - added
    return min(fraction, left) if to_add > 0 else max(fraction, left)


def _fraction(deployment: Object, rs: Object) -> int:
    if wanted_of(deployment) == 0:
        return -size_of(rs)
    before = max(integer_of(annotations_of(rs).get(MAXIMUM, ""), 32) or 0, 0)
    before = before or int((deployment.get("status") or {}).get("replicas") or 0)
    if before == 0:
        return 0
    return math.floor(size_of(rs) * maximum_of(deployment) / before + 0.5) - size_of(rs)
