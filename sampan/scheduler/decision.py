"""One decision: the best node for a pod, or why there is none. Pure but for memory and chance; no I/O, no time.

Filter, score, choose, as upstream's schedulePod. In a large cluster only a sample of the feasible nodes is scored, and
the search goes on where the last one ended (percentageOfNodesToScore). Called by app.py for each pod in turn.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

from sampan.reconcile.pace import Pace
from sampan.scheduler.fitting import Fitting
from sampan.scheduler.framework import Dormant, NodeCheck, Refusal, Rejection, stretch
from sampan.scheduler.memo import Memo, Verdict, judge
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.nominations import Nominations
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.profile import Profile
from sampan.scheduler.state import ClusterState

_ALWAYS_SCORED = 100  # nodes
_JUDGED_AT_ONCE = 500  # nodes, for the first pod of its kind: some milliseconds
NO_NODES = "no nodes available to schedule pods"


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """Why a pod fits nowhere. `elsewhere` holds for the nodes that were not looked at, `refusal` for every node."""

    nodes: int
    rejections: Mapping[str, Rejection] = field(default_factory=dict)  # by node name
    elsewhere: Rejection | None = None
    refusal: Refusal | None = None

    @property
    def plugins(self) -> frozenset[str]:
        """The plugins to blame."""
        names = {rejection.plugin for rejection in self.rejections.values()}
        return frozenset(names | {found.plugin for found in (self.elsewhere, self.refusal) if found})

    @property
    def has_hope(self) -> bool:
        """Whether any node could take the pod if other pods went."""
        return any(rejection.resolvable for rejection in self.rejections.values())

    def after(self, *earlier: Mapping[str, Rejection], elsewhere: Rejection | None) -> "Unschedulable":
        """Where this came last, of nodes that had been found feasible: with the nodes that were out before."""
        rejections = {name: found for part in (*earlier, self.rejections) for name, found in part.items()}
        return replace(self, rejections=rejections, elsewhere=elsewhere)

    def message(self) -> str:
        """Upstream's summary: how many nodes for each reason."""
        if not self.nodes:
            return NO_NODES
        if self.refusal:
            return f"0/{self.nodes} nodes are available: {self.refusal.reason}."
        reasons: Counter[str] = Counter()
        for rejection in self.rejections.values():
            reasons.update(rejection.reasons)
        if self.elsewhere:
            for reason in self.elsewhere.reasons:
                reasons[reason] += self.nodes - len(self.rejections)
        return summary(self.nodes, reasons)


class Feasible(NamedTuple):
    """The nodes that a pod could go to, what is known of each, and why others are out."""

    nodes: list[NodeInfo]
    verdicts: list[Verdict]
    rejections: dict[str, Rejection]
    elsewhere: Rejection | None = None


def summary(nodes: int, reasons: Mapping[str, int]) -> str:
    """`0/3 nodes are available: 1 Too many pods, 2 Insufficient cpu.`"""
    texts = sorted(f"{count} {reason}" for reason, count in reasons.items() if count)
    return f"0/{nodes} nodes are available:" + (f" {', '.join(texts)}." if texts else "")


def sample_size(nodes: int, percentage: int = 0) -> int:
    """How many feasible nodes are enough: a percentage, at least 100; 0 is 50 % falling by 1 % per 125 nodes to 5 %."""
    if nodes < _ALWAYS_SCORED:
        return nodes
    return max(nodes * (percentage or max(50 - nodes // 125, 5)) // 100, _ALWAYS_SCORED)


class Decider:
    """Decides on the state as it is at the moment of the call, and on what pods have been promised.

    `extended` says that others will judge the nodes too, so that one is not as good as another though no plugin scores.
    """

    def __init__(
        self,
        state: ClusterState,
        profile: Profile,
        chance: Random,
        nominations: Nominations | None = None,
        *,
        extended: bool = False,
    ) -> None:
        self._state = state
        self._profile = profile
        self._compares = extended or profile.scores
        self._chance = chance
        self._nominations = nominations or Nominations()
        self._memo = Memo()
        self._start = 0
        self._layout = state.layout

    def is_new(self, pod: PodInfo) -> bool:
        """Whether nodes have not been judged for a pod of this kind, and are so many that this would take long."""
        return len(self._state.nodes) > _JUDGED_AT_ONCE and not self._memo.of(pod)

    async def look_ahead(self, pod: PodInfo) -> None:
        """Judge nodes for a pod that is new, in slices: `decide` will find it done, but for what changes meanwhile."""
        self._forget_old_nodes()
        known, pace = self._memo.of(pod), Pace()
        candidates, _ = self._candidates(pod)
        wanted = self._enough(candidates)
        for node in candidates:
            verdict = known[node.name] = judge(self._profile, pod, node)
            wanted -= verdict.rejection is None
            if not wanted:
                return
            await pace.keep()

    def decide(self, pod: PodInfo) -> str | Unschedulable:
        """The name of the node for a pod, or why there is none."""
        found = self.find(pod)
        if isinstance(found, Unschedulable):
            return found
        if len(found.nodes) == 1:
            return found.nodes[0].name
        return self.choose(found.nodes, self.score(pod, found))

    def find(self, pod: PodInfo) -> Feasible | Unschedulable:
        """Enough of the nodes that a pod could go to."""
        self._forget_old_nodes()
        checks = self._checks(pod)
        if isinstance(checks, Refusal):
            return Unschedulable(len(self._state.nodes), refusal=checks)
        candidates, elsewhere = self._candidates(pod)
        wanted = self._enough(candidates)
        feasible, verdicts, rejections = self._filter(self._fitting(pod, checks), candidates, wanted)
        self._start += len(feasible) + len(rejections)
        if not feasible:
            return Unschedulable(len(self._state.nodes), rejections, elsewhere)
        return Feasible(feasible, verdicts, rejections, elsewhere)

    def find_among(self, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Feasible | Unschedulable:
        """Those of some nodes that are still there and that the pod could still go to."""
        self._forget_old_nodes()
        checks = self._checks(pod)
        if isinstance(checks, Refusal):
            return Unschedulable(len(self._state.nodes), refusal=checks)
        there = [node for node in nodes if self._state.node(node.name) is node]
        feasible, verdicts, rejections = self._filter(self._fitting(pod, checks), there, len(there))
        if not feasible:
            return Unschedulable(len(self._state.nodes), rejections)
        return Feasible(feasible, verdicts, rejections)

    def fits(self, pod: PodInfo, node: NodeInfo) -> bool:
        """Whether a pod could go to a node."""
        fitting = self.fitting(pod)
        return fitting is not None and fitting.rejection(node) is None

    def fitting(self, pod: PodInfo) -> Fitting | None:
        """What is to be asked about a pod and any node; None where no node will do."""
        checks = self._checks(pod)
        return None if isinstance(checks, Refusal) else self._fitting(pod, checks)

    def _fitting(self, pod: PodInfo, checks: Sequence[NodeCheck]) -> Fitting:
        promised = self._nominations.promised(pod)
        dormant = [p.dormant(pod) for p in self._profile.cluster_filters if promised and isinstance(p, Dormant)]
        return Fitting(pod, self._profile.node_filters, checks, promised, dormant)

    def _candidates(self, pod: PodInfo) -> tuple[Sequence[NodeInfo], Rejection | None]:
        """The nodes to look at, beginning where the last search ended."""
        for plugin in self._profile.narrowing:
            names = plugin.narrow(pod)
            if names is not None:
                reason = f"node(s) didn't satisfy plugin(s) [{plugin.name}]"
                found = [node for name in sorted(names) if (node := self._state.node(name))]
                return found, Rejection(plugin.name, (reason,), resolvable=False)
        nodes = self._state.nodes
        start = self._start % len(nodes) if nodes else 0
        return (nodes if start == 0 else [*nodes[start:], *nodes[:start]]), None

    def _filter(
        self, fitting: Fitting, candidates: Sequence[NodeInfo], wanted: int
    ) -> tuple[list[NodeInfo], list[Verdict], dict[str, Rejection]]:
        pod, checks, promised = fitting.pod, fitting.checks, fitting.promised
        known = self._memo.of(pod)
        feasible: list[NodeInfo] = []
        verdicts: list[Verdict] = []
        rejections: dict[str, Rejection] = {}
        for node in candidates:
            verdict = known.get(node.name)
            if verdict is None or verdict.generation != node.generation:
                verdict = known[node.name] = judge(self._profile, pod, node)
            if promised and node.name in promised:
                rejection = fitting.rejection(node)
            else:
                rejection = verdict.rejection or (_first(checks, node) if checks else None)
            if rejection is not None:
                rejections[node.name] = rejection
                continue
            feasible.append(node)
            verdicts.append(verdict)
            if len(feasible) == wanted:
                break
        return feasible, verdicts, rejections

    def _enough(self, candidates: Sequence[NodeInfo]) -> int:
        """How many feasible nodes end the search."""
        return sample_size(len(candidates), self._profile.percentage) if self._compares else 1

    def _checks(self, pod: PodInfo) -> list[NodeCheck] | Refusal:
        checks = []
        for plugin in self._profile.cluster_filters:
            check = plugin.prepare(pod, self._state)
            if isinstance(check, Refusal):
                return check
            if check is not None:
                checks.append(check)
        return checks

    def score(self, pod: PodInfo, found: Feasible) -> list[int]:
        """How good each of the nodes is."""
        nodes, verdicts, *_ = found
        totals = [verdict.score for verdict in verdicts]
        for index, (plugin, weight) in enumerate(self._profile.relative_scores):
            counts = [verdict.counts[index] for verdict in verdicts]
            if any(counts):  # else all are equal
                _add(totals, stretch(counts, reverse=plugin.reverse), weight)
        for cluster_plugin, weight in self._profile.cluster_scores:
            scores = cluster_plugin.scores(pod, self._state, nodes)
            if scores is not None:
                _add(totals, scores, weight)
        return totals

    def choose(self, nodes: Sequence[NodeInfo], totals: Sequence[int]) -> str:
        """One of the best, at random."""
        best = max(totals)
        return self._chance.choice([node for node, total in zip(nodes, totals, strict=True) if total == best]).name

    def _forget_old_nodes(self) -> None:
        if self._layout != self._state.layout:
            self._layout = self._state.layout
            self._memo.forget_nodes()


def _first(checks: Iterable[NodeCheck], node: NodeInfo) -> Rejection | None:
    return next((rejection for check in checks if (rejection := check(node))), None)


def _add(totals: list[int], scores: Sequence[int], weight: int) -> None:
    for index, score in enumerate(scores):
        totals[index] += weight * score
