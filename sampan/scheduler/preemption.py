"""Preemption: which pods of lower priority have to go so that a pod that no node can take fits on one.

app.py asks when a decision has found no node; what is found is carried out by evictions.py. In a large cluster the
search takes longer than others should wait for the loop, so it is done in slices (reconcile/pace.py). The cluster may
change in between: what has been found is looked at once more, and what is answered is true at that moment.
Rules: docs page Pod Priority and Preemption; upstream's DefaultPreemption.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from sampan.reconcile.pace import Pace
from sampan.scheduler.budgets import Budgets
from sampan.scheduler.decision import Decider, Unschedulable, summary
from sampan.scheduler.dry_run import DryRun, Limits, Preemption, harm
from sampan.scheduler.extenders.extenders import Extenders
from sampan.scheduler.extenders.wire import ExtenderError
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.nominations import Nominations
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NEVER = "not eligible due to preemptionPolicy=Never."
IS_BEING_MADE = "not eligible due to a terminating pod on the nominated node."

_DEFAULTS = Limits()


class NoPreemption(NamedTuple):
    """Why nothing is to be done, as part of the message that users see."""

    message: str
    nominated: bool = False  # the pod's nomination stands


class Preemptor:
    """Searches the cluster as it is; one search at a time."""

    def __init__(
        self,
        state: ClusterState,
        decider: Decider,
        nominations: Nominations,
        budgets: Budgets,
        chance: Random,
        limits: Limits = _DEFAULTS,
        extenders: Extenders | None = None,
    ) -> None:
        self._state = state
        self._decider = decider
        self._nominations = nominations
        self._budgets = budgets
        self._chance = chance
        self._limits = limits
        self._extenders = extenders or Extenders()

    async def find(self, pod: PodInfo, failure: Unschedulable) -> Preemption | NoPreemption:
        """What to do for a pod that no node can take."""
        if reason := self._ineligible(pod, failure):
            return NoPreemption(f"preemption: {reason}", nominated=True)
        run = await self._search(pod, self._hopeful(failure)) if failure.has_hope else None
        if run is not None and run.candidates and self._extenders.preempt_for(pod):
            return await self._agreed(pod, run.candidates)
        fitting = self._decider.fitting(pod)
        if run is not None and fitting is not None and (best := run.best(fitting, self._state.node)):
            return best
        reasons = run.reasons if run is not None else Counter[str]()
        tried = run.tried if run is not None else 0
        return NoPreemption(
            "preemption: " + summary(failure.nodes, reasons + Counter({NOT_HELPFUL: failure.nodes - tried}))
        )

    async def _agreed(self, pod: PodInfo, candidates: Sequence[Preemption]) -> Preemption | NoPreemption:
        """The best of what extenders leave. They have the last word on who goes, so nothing is tried anew."""
        try:
            left = await self._extenders.preempt(pod, candidates, self._state.node)
        except ExtenderError as error:
            return NoPreemption(f"preemption: {error}", nominated=True)
        there = [one for one in left if (node := self._state.node(one.node)) and _are_on(one.victims, node)]
        return min(
            there, key=harm, default=NoPreemption("preemption: no candidate node for preemption", nominated=True)
        )

    def _ineligible(self, pod: PodInfo, failure: Unschedulable) -> str:
        """Why a pod may make nobody go; "" if it may."""
        if pod.spec.get("preemptionPolicy") == "Never":
            return NEVER
        nominated = self._nominations.node_of(pod)
        node, rejection = self._state.node(nominated), failure.rejections.get(nominated)
        if node is None or rejection is None or not rejection.resolvable:
            return ""  # nothing that goes from there will help
        is_being_made = any(p.priority < pod.priority and p.is_preempted for p in node.pods.values())
        return IS_BEING_MADE if is_being_made else ""

    def _hopeful(self, failure: Unschedulable) -> list[NodeInfo]:
        return [n for name, r in failure.rejections.items() if r.resolvable and (n := self._state.node(name))]

    async def _search(self, pod: PodInfo, nodes: list[NodeInfo]) -> DryRun | None:
        await asyncio.sleep(0)  # the decision has taken its time
        fitting = self._decider.fitting(pod)
        if fitting is None or not nodes:
            return None
        run = DryRun(fitting, self._budgets, self._limits.enough(len(nodes)))
        pace = Pace()
        for _ in run.steps(nodes, self._chance.randrange(len(nodes))):
            await pace.keep()
        await asyncio.sleep(0)
        return run


def _are_on(pods: Sequence[PodInfo], node: NodeInfo) -> bool:
    return all(pod.key in node.pods for pod in pods)
