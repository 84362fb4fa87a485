"""A decision in which extenders are asked: as decision.py's, in steps between which time passes.

While an extender thinks, the cluster may change. So what is left after each answer is judged again, as of that moment;
what stays is assumed before anything else can happen. Nobody else decides meanwhile (app.py).
"""

import logging
from collections.abc import Mapping, Sequence

from sampan.scheduler.decision import Decider, Feasible, Unschedulable
from sampan.scheduler.extenders.extenders import Extenders
from sampan.scheduler.extenders.wire import ExtenderError
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo

log = logging.getLogger(__name__)


async def decide(
    pod: PodInfo, decider: Decider, extenders: Extenders, nominated: NodeInfo | None
) -> str | Unschedulable:
    """The node that was promised to the pod, if it fits there, else the best. Raises ExtenderError."""
    if nominated is not None and await _may_go_to(pod, nominated, decider, extenders):
        return nominated.name
    found = decider.find(pod)
    if isinstance(found, Unschedulable):
        return found
    kept = await extenders.filter(pod, found.nodes)
    now = decider.find_among(pod, kept.nodes)
    more: Mapping[str, int] = {}
    if isinstance(now, Feasible) and len(now.nodes) > 1:
        more = await extenders.prioritize(pod, now.nodes)
        now = decider.find_among(pod, now.nodes)
    if isinstance(now, Unschedulable):
        return now.after(found.rejections, kept.rejections, elsewhere=found.elsewhere)
    return _best(pod, decider, now, [more.get(node.name, 0) for node in now.nodes])


def _best(pod: PodInfo, decider: Decider, found: Feasible, more: Sequence[int]) -> str:
    totals = [total + extra for total, extra in zip(decider.score(pod, found), more, strict=True)]
    return decider.choose(found.nodes, totals)


async def _may_go_to(pod: PodInfo, node: NodeInfo, decider: Decider, extenders: Extenders) -> bool:
    if not decider.fits(pod, node):
        return False
    try:
        kept = await extenders.filter(pod, [node])
    except ExtenderError as error:
        log.info("an extender can't be asked about the node that %s is nominated for: %s", pod.key, error)
        return False
    return bool(kept.nodes) and isinstance(decider.find_among(pod, kept.nodes), Feasible)
