"""How full a node's storage would be with a pod's claims, as a score: per StorageClass, and the mean of them.

Volumes that are there count where the pod would take any, else what drivers say they have left. Pure; called by
plugins/volume_binding.py. Source: pkg/scheduler/framework/plugins/volumebinding (scorer.go); KEP-4049.
"""

from math import floor

from sampan.kinds.core.volume_claims import class_of
from sampan.kinds.core.volume_matching import requested_size
from sampan.machinery import quantity
from sampan.machinery.tree import get_path
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.resource_scoring import Shape, ratio_by
from sampan.scheduler.volume_plan import Plan, capacity_for
from sampan.scheduler.volumes import Volumes


def storage_score(plan: Plan, node: NodeInfo, volumes: Volumes, shape: Shape) -> int:
    """0 where nothing is known of any class."""
    use = _of_volumes(plan) if plan.bindings else _of_drivers(plan, node, volumes)
    score = ratio_by(shape)
    found = [score(requested, offered) for requested, offered in use.values()]
    return floor(sum(found) / len(found) + 0.5) if found else 0


def _of_volumes(plan: Plan) -> dict[str, tuple[int, int]]:
    """By class: what claims ask for, and how large their volumes are."""
    use: dict[str, tuple[int, int]] = {}
    for volume, claim in plan.bindings:
        requested, offered = use.get(class_of(volume), (0, 0))
        size = _amount(get_path(volume, ("spec", "capacity", "storage")))
        use[class_of(volume)] = requested + requested_size(claim), offered + size
    return use


def _of_drivers(plan: Plan, node: NodeInfo, volumes: Volumes) -> dict[str, tuple[int, int]]:
    """By class: what claims ask for, and what is left for all of them."""
    use: dict[str, tuple[int, int]] = {}
    for claim in plan.provisions:
        if capacity := capacity_for(claim, node, volumes):
            requested, _ = use.get(class_of(claim), (0, 0))
            use[class_of(claim)] = requested + requested_size(claim), _amount(capacity.get("capacity"))
    return use


def _amount(said: str | None) -> int:
    return 0 if said is None else quantity.value(said)
