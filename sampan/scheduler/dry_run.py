"""The dry run of a preemption: node by node, whom it would cost to let a pod run there.

As upstream, not every node of a large cluster is tried: beginning somewhere, until there are enough candidates and at
least one that breaks no budget. A generator of steps, so that preemption.py can let others have their turn in between;
nothing of the cluster is changed. Rules: docs page Pod Priority and Preemption; upstream's DefaultPreemption.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from sampan.scheduler.budgets import Budgets, violating
from sampan.scheduler.fitting import Fitting, Trial
from sampan.scheduler.framework import Unfinished
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo

NO_VICTIMS = "No preemption victims found for incoming pod"

_TRIED_ANEW = 20  # candidates at most, in one go

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


Harm = tuple[int, int, int, int, str]
_BACKWARDS = {code: 0x7F - code for code in range(0x7F)}  # texts of ASCII, so that the last comes first


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
    """One search; the candidates, and the `reasons` of nodes that are none, are what it has found so far."""

    def __init__(self, fitting: Fitting, budgets: Budgets, enough: int) -> None:
        self._fitting = fitting
        self._budgets = budgets
        self._enough = enough
        self._ranking: list[tuple[Harm, bool, int, Preemption]] = []  # a heap, the least harm first
        self._order = count()
        self.reasons: Counter[str] = Counter()
        self.tried = 0

    def steps(self, nodes: Sequence[NodeInfo], offset: int) -> Iterator[None]:
        """Try one node after another, from the one at `offset` on."""
        harmless = False
        for index in range(len(nodes)):
            found = yield from self._try(nodes[(offset + index) % len(nodes)])
            self.tried += 1
            if isinstance(found, Preemption):
                self._add(found)
                harmless = harmless or not found.violations
            else:
                self.reasons.update(found)
            if harmless and len(self._ranking) >= self._enough:
                return
            yield

    def _try(self, node: NodeInfo) -> Generator[None, None, Preemption | tuple[str, ...]]:
        """Who would have to go from a node; more steps than one where a plugin wants to go on later."""
        while True:
            try:
                return victims_on(node, self._fitting, self._budgets)
            except Unfinished:
                yield

    @property
    def candidates(self) -> Sequence[Preemption]:
        """As they were found, in no order."""
        return [candidate for *_, candidate in self._ranking]

    def best(self, fitting: Fitting, node: Callable[[str], NodeInfo | None]) -> Preemption | None:
        """The candidate that does the least harm, as things are now: of those that come first, each is tried anew."""
        for _ in range(_TRIED_ANEW):
            if not self._ranking:
                return None
            _, is_stale, _, best = heappop(self._ranking)
            if not is_stale:
                return best
            there = node(best.node)
            now = victims_on(there, fitting, self._budgets) if there is not None else ()
            if isinstance(now, Preemption):
                self._add(now, is_stale=False)
        fresh = [candidate for _, is_stale, _, candidate in self._ranking if not is_stale]
        return fresh[0] if fresh else None

    def _add(self, found: Preemption, *, is_stale: bool = True) -> None:
        heappush(self._ranking, (harm(found), is_stale, next(self._order), found))


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


def harm(preemption: Preemption) -> Harm:
    """Least first: broken budgets, the highest priority among the victims, their sum, their number.

    Then the youngest of the oldest of the highest priority.
    """
    priorities = [victim.priority for victim in preemption.victims]
    highest = max(priorities)
    oldest = min(_started(victim) for victim in preemption.victims if victim.priority == highest)
    total = sum(priorities) + _OFFSET * len(priorities)
    return preemption.violations, highest, total, len(priorities), oldest.translate(_BACKWARDS)
