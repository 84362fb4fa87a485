"""The dry run of a preemption: node by node, whom it would cost to let a pod run there.

As upstream, not every node of a large cluster is tried: beginning somewhere, until there are enough candidates and at
least one that breaks no budget. A generator of steps, so that preemption.py can let others have their turn in between;
nothing of the cluster is changed. Rules: docs page Pod Priority and Preemption; upstream's DefaultPreemption.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sampan.scheduler.budgets import Budgets, violating
from sampan.scheduler.fitting import Fitting, Trial
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo

NO_VICTIMS = "No preemption victims found for incoming pod"

# Makes every priority positive in a sum of them, so that one more victim is never a gain, whatever its priority.
_OFFSET = 1 << 31


@dataclass(frozen=True, slots=True)
class Limits:
    """How many candidates are enough (DefaultPreemptionArgs), as part of the nodes that come into question."""

    percentage: int = 10  # minCandidateNodesPercentage
    absolute: int = 100  # minCandidateNodesAbsolute

    def enough(self, nodes: int) -> int:
        """How many of some nodes have to be candidates."""
        return min(max(nodes * self.percentage // 100, self.absolute), nodes)


class Preemption(NamedTuple):
    """A node that could be freed and the pods that would have to go, the most important first."""

    node: str
    victims: Sequence[PodInfo]
    violations: int = 0  # of budgets

    @property
    def message(self) -> str:
        """What users are told of it."""
        return (
            f"preemption: found a potential placement for pod on node {self.node},"
            f" preempting {len(self.victims)} victims"
        )


class DryRun:
    """One search; `candidates`, and the `reasons` of nodes that are none, are what it has found so far."""

    def __init__(self, fitting: Fitting, budgets: Budgets, enough: int) -> None:
        self._fitting = fitting
        self._budgets = budgets
        self._enough = enough
        self.candidates: list[Preemption] = []
        self.reasons: Counter[str] = Counter()
        self.tried = 0

    def steps(self, nodes: Sequence[NodeInfo], offset: int) -> Iterator[None]:
        """Try one node after another, from the one at `offset` on."""
        harmless = False
        for index in range(len(nodes)):
            found = victims_on(nodes[(offset + index) % len(nodes)], self._fitting, self._budgets)
            self.tried += 1
            if isinstance(found, Preemption):
                self.candidates.append(found)
                harmless = harmless or not found.violations
            else:
                self.reasons.update(found)
            if harmless and len(self.candidates) >= self._enough:
                return
            yield


def victims_on(node: NodeInfo, fitting: Fitting, budgets: Budgets) -> Preemption | tuple[str, ...]:
    """The fewest and least important pods that have to go, or why that would not help.

    All of lower priority go, then as many as possible may stay after all: first those whose going breaks a budget.
    """
    lower = [pod for pod in node.pods.values() if pod.priority < fitting.pod.priority]
    if not lower:
        return (NO_VICTIMS,)
    trial = Trial(fitting, node, lower)
    if rejection := trial.rejection():
        return rejection.reasons
    breaking, harmless = violating(sorted(lower, key=importance), budgets)
    unlucky = [pod for pod in breaking if not trial.put_back(pod)]
    violations = len(unlucky)
    unlucky += [pod for pod in harmless if not trial.put_back(pod)]
    if not unlucky:
        return ()  # it fits as things are: somebody has just left
    return Preemption(node.name, sorted(unlucky, key=importance), violations)


def importance(pod: PodInfo) -> tuple[int, str]:
    """Sorts the most important first: by priority, then by how long it has been running."""
    return -pod.priority, _started(pod)


def _started(pod: PodInfo) -> str:
    """RFC 3339 in UTC, so that the order of texts is that of times; pods that have not started come last."""
    return (pod.object.get("status") or {}).get("startTime") or "9"


def harm(preemption: Preemption) -> tuple[int, int, int, int, tuple[int, ...]]:
    """Least first: broken budgets, the highest priority among the victims, their sum, their number.

    Then the youngest of the oldest of the highest priority.
    """
    priorities = [victim.priority for victim in preemption.victims]
    highest = max(priorities)
    oldest = min(_started(victim) for victim in preemption.victims if victim.priority == highest)
    total = sum(priority + _OFFSET for priority in priorities)
    return preemption.violations, highest, total, len(priorities), tuple(-ord(letter) for letter in oldest)
