"""What a ResourceQuota's status should be: what it allows, and what the objects of its namespace use of that. Pure.

Called by controller.py. Rules: k8s.io/apiserver/pkg/quota/v1 (CalculateUsage).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from sampan.kinds.core.pod_resources import Resources, add, resources
from sampan.kinds.quota.evaluator import ZERO, Evaluator
from sampan.kinds.quota.registry import evaluator_of
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path

_WATCHED = frozenset({"list", "watch"})


class Measured(NamedTuple):
    """A kind of object that a quota counts."""

    kind: Kind
    evaluator: Evaluator


def measured(quota: Object, kinds: Iterable[Kind]) -> Iterator[Measured]:
    """The kinds that exist and of which some resource of the quota tells."""
    names = quota["spec"].get("hard") or {}
    for kind in kinds:
        if kind.namespaced and set(kind.verbs) >= _WATCHED:
            evaluator = evaluator_of(kind.group, kind.plural)
            if evaluator is not None and evaluator.tracked(names):
                yield Measured(kind, evaluator)


def used_by(quota: Object, evaluator: Evaluator, objects: Iterable[Object], now: datetime) -> Resources:
    """What these objects of one kind use of the quota's resources."""
    names = evaluator.tracked(quota["spec"].get("hard") or {})
    total: Resources = dict.fromkeys(names, ZERO)
    for obj in objects:
        if evaluator.covers(quota, obj):
            usage = evaluator.usage(obj, now)
            add(total, {name: usage[name] for name in names if name in usage})
    return total


def status(quota: Object, found: Resources) -> Object:
    """The status, given what was found; what can't be counted keeps what was known of it."""
    hard = resources(quota["spec"].get("hard"))
    used = {**resources(get_path(quota, ("status", "used"))), **found}
    return {
        "hard": {name: str(amount) for name, amount in hard.items()},
        "used": {name: str(used[name]) for name in hard if name in used},
    }


def is_lower(wanted: Object, quota: Object) -> bool:
    """Whether a status gives something back."""
    before = resources(get_path(quota, ("status", "used")))
    return any(name in before and amount.nano < before[name].nano for name, amount in resources(wanted["used"]).items())


def needs_count(old: Object, new: Object) -> bool:
    """Whether an update has to be answered: charges need not be, whoever else writes the status has no say."""
    before, after = old.get("status") or {}, new.get("status") or {}
    if old["spec"] != new["spec"] or before.get("hard") != after.get("hard"):
        return True
    return bool((before.get("used") or {}).keys() - (after.get("used") or {}).keys())


def has_risen(old: Object, new: Object) -> bool:
    """Whether a quota has been charged."""
    before = resources(get_path(old, ("status", "used")))
    after = resources(get_path(new, ("status", "used")))
    return any(name in before and amount.nano > before[name].nano for name, amount in after.items())
