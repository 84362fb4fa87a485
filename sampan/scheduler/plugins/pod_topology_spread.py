"""PodTopologySpread: pods that a selector matches are to be spread evenly over the values of a node label.

DoNotSchedule constraints filter, ScheduleAnyway constraints score. A pod without constraints of its own that belongs to
a Service, ReplicaSet or the like gets upstream's default ones: over hosts and over zones, as a preference. Rules: docs
page Pod Topology Spread Constraints; KEP-895, KEP-1258, KEP-3022 (minDomains), KEP-3094 (inclusion policies).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import nsmallest
from math import log
from operator import itemgetter
from typing import Any

from sampan.machinery.selectors import Requirement, Selector, from_label_selector
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import MAX_SCORE, NodeCheck, Rejection
from sampan.scheduler.node_info import HOSTNAME, ZONE, NodeInfo
from sampan.scheduler.plugins.node_affinity import is_picky, matches_required
from sampan.scheduler.plugins.taint_toleration import TaintToleration
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState

_UNEVEN = "node(s) didn't match pod topology spread constraints"
_NO_LABEL = "node(s) didn't match pod topology spread constraints (missing required label)"
_TAINTS = TaintToleration()
_NONE = 1 << 62  # the least of no domains
SYSTEM_DEFAULTS: Sequence[Mapping[str, Any]] = (
    {"topologyKey": HOSTNAME, "maxSkew": 3, "whenUnsatisfiable": "ScheduleAnyway"},
    {"topologyKey": ZONE, "maxSkew": 5, "whenUnsatisfiable": "ScheduleAnyway"},
)

# The selector of whatever a pod belongs to, None where it belongs to nothing (owners.py).
OwnerSelector = Callable[[PodInfo], Selector | None]


@dataclass(frozen=True, slots=True)
class Constraint:
    """One spread constraint, compiled."""

    topology_key: str
    max_skew: int
    selector: Selector
    min_domains: int = 1
    honor_affinity: bool = True
    honor_taints: bool = False

    def includes_all(self, pod: PodInfo) -> bool:
        """Whether every node's pods are to be counted, as far as the constraint is concerned."""
        return not self.honor_taints and not (self.honor_affinity and is_picky(pod))

    def includes(self, pod: PodInfo, node: NodeInfo) -> bool:
        """Whether a node's pods are to be counted at all."""
        if self.honor_affinity and is_picky(pod) and not matches_required(pod, node):
            return False
        return not (self.honor_taints and node.taints and _TAINTS.filter(pod, node))


class PodTopologySpread:
    """A ClusterFilter and a ClusterScore."""

    name = "PodTopologySpread"
    events = frozenset(
        {
            ClusterEvent.NODE_ADD,
            ClusterEvent.NODE_REMOVE,
            ClusterEvent.NODE_LABELS,
            ClusterEvent.NODE_TAINTS,
            ClusterEvent.POD_ADD,
            ClusterEvent.POD_LABELS,
            ClusterEvent.POD_REMOVE,
        }
    )

    def __init__(self, owner_selector: OwnerSelector, defaults: Sequence[Mapping[str, Any]] | None = None) -> None:
        """`defaults` take the place of upstream's constraints for pods without any."""
        self._owner_selector = owner_selector
        self._system_defaulted = defaults is None
        listed = SYSTEM_DEFAULTS if defaults is None else defaults
        self._defaults = [(one["whenUnsatisfiable"], _compile(one, {})) for one in listed]  # but for the selector

    def prepare(self, pod: PodInfo, state: ClusterState) -> NodeCheck | None:
        constraints = self._constraints(pod, "DoNotSchedule")
        if not constraints:
            return None
        return SpreadCheck(pod, [_Domains(constraint, pod, state, constraints) for constraint in constraints])

    def scores(self, pod: PodInfo, state: ClusterState, nodes: Sequence[NodeInfo]) -> Sequence[int] | None:
        constraints = self._constraints(pod, "ScheduleAnyway")
        if not constraints:
            return None
        # Nodes without the labels that somebody's constraints name are not compared: they score nothing.
        said = not self._system_defaulted or bool(pod.spec.get("topologySpreadConstraints"))
        compared = [not said or all(c.topology_key in node.labels for c in constraints) for node in nodes]
        each = [found for c in constraints if (found := _costs(c, pod, state, nodes)) is not None]
        return _as_scores([round(sum(costs)) for costs in zip(*each, strict=True)], compared) if each else None

    def _constraints(self, pod: PodInfo, when: str) -> list[Constraint]:
        """The pod's own, or the default ones for whatever it belongs to."""
        if own := pod.spec.get("topologySpreadConstraints"):
            return [_compile(one, pod.labels) for one in own if one.get("whenUnsatisfiable") == when]
        found = [constraint for its_when, constraint in self._defaults if its_when == when]
        selector = self._owner_selector(pod) if found else None
        return [] if selector is None else [replace(constraint, selector=selector) for constraint in found]


class SpreadCheck:
    """A MovableCheck: whether a pod on a node would make things too uneven."""

    def __init__(self, pod: PodInfo, domains: Sequence["_Domains"]) -> None:
        self._pod = pod
        self._domains = domains

    def __call__(self, node: NodeInfo) -> Rejection | None:
        if any(domain.key not in node.labels for domain in self._domains):
            return Rejection(PodTopologySpread.name, (_NO_LABEL,), resolvable=False)
        if all(domain.allows(node) for domain in self._domains):
            return None
        return Rejection(PodTopologySpread.name, (_UNEVEN,))

    def moved(self, node: NodeInfo, gone: Iterable[PodInfo], come: Iterable[PodInfo]) -> "SpreadCheck":
        if any(domain.key not in node.labels for domain in self._domains):
            return self
        moves = [(pod, by) for pods, by in ((gone, -1), (come, 1)) for pod in pods if self._counts(pod)]
        if not moves:
            return self
        return SpreadCheck(self._pod, [domain.moved(self._pod, node, moves) for domain in self._domains])

    def _counts(self, other: PodInfo) -> bool:
        return other.namespace == self._pod.namespace and not other.terminating


class _Domains:
    """How many matching pods each value of the topology key has, among the nodes that count."""

    def __init__(self, constraint: Constraint, pod: PodInfo, state: ClusterState, all_: Sequence[Constraint]) -> None:
        self.key = constraint.topology_key
        self._constraint = constraint
        self._itself = int(constraint.selector.matches(pod.labels))
        self._matches, self._number = _matches(constraint, pod, state, [other.topology_key for other in all_])
        self._changed: Mapping[str, int] = {}  # by how many: what is not as in `_matches`, of one domain
        enough = self._number >= constraint.min_domains and self._number == len(self._matches)
        self._least = min(self._matches.values(), default=0) if enough else 0

    def allows(self, node: NodeInfo) -> bool:
        return self._in(node.labels[self.key]) + self._itself - self._least <= self._constraint.max_skew

    def moved(self, pod: PodInfo, node: NodeInfo, moves: Sequence[tuple[PodInfo, int]]) -> "_Domains":
        """With pods gone from a node, or come to it; to be asked of that node only."""
        change = sum(by for other, by in moves if self._constraint.selector.matches(other.labels))
        if not change or not self._constraint.includes(pod, node):
            return self
        domain = node.labels[self.key]
        least = self._least_but(domain)
        other = copy(self)
        other._changed = {domain: self._changed.get(domain, 0) + change}
        other._least = min(least, other._in(domain)) if self._number >= self._constraint.min_domains else 0
        return other

    @cached_property
    def _emptiest(self) -> Sequence[tuple[str, int]]:
        """Enough of the domains to know the least of any domain but one."""
        return nsmallest(2, self._matches.items(), key=itemgetter(1))

    def _in(self, domain: str) -> int:
        return self._matches.get(domain, 0) + self._changed.get(domain, 0)

    def _least_but(self, domain: str) -> int:
        unlisted = self._number - len(self._matches) - (domain not in self._matches)
        return 0 if unlisted > 0 else min((count for name, count in self._emptiest if name != domain), default=_NONE)


def _matches(
    constraint: Constraint, pod: PodInfo, state: ClusterState, keys: Sequence[str]
) -> tuple[Mapping[str, int], int]:
    """The matching pods per domain, and how many domains there are; nodes without all of `keys` are left out."""
    key = constraint.topology_key
    everywhere = all(state.domains(other).complete for other in keys if other != key)
    if everywhere and constraint.includes_all(pod):
        counts = state.counts.by_domain(pod.namespace, constraint.selector, key, terminating=False)
        return counts, state.domains(key).number
    eligible = [n for n in state.nodes if all(k in n.labels for k in keys) and constraint.includes(pod, n)]
    by_node = state.counts.by_node(pod.namespace, constraint.selector, terminating=False)
    found: dict[str, int] = {}
    for node in eligible:
        domain = node.labels[key]
        found[domain] = found.get(domain, 0) + by_node.get(node.name, 0)
    return found, len(found)


def _costs(
    constraint: Constraint, pod: PodInfo, state: ClusterState, nodes: Sequence[NodeInfo]
) -> Sequence[float] | None:
    """What it would cost to put the pod on each node: the matching pods in its domain, weighted.

    The weight grows with the number of domains, so that spreading over few zones is not drowned by many hosts. None
    where no node has the label.
    """
    key = constraint.topology_key
    skew = constraint.max_skew - 1
    if key == HOSTNAME:
        weight = log(len(nodes) + 2)
        here = state.counts.by_node(pod.namespace, constraint.selector, terminating=False)
        return [here.get(node.name, 0) * weight + skew for node in nodes]
    values = [node.labels.get(key) for node in nodes]
    domains = set(values) - {None}
    if not domains:
        return None
    weight = log(len(domains) + 2)
    matches, _ = _matches(constraint, pod, state, [key])
    return [0.0 if value is None else matches.get(value, 0) * weight + skew for value in values]


def _as_scores(costs: Sequence[int], compared: Sequence[bool]) -> list[int]:
    """The cheapest node scores MAX_SCORE, dearer ones less in proportion."""
    seen = [cost for cost, counts in zip(costs, compared, strict=True) if counts]
    highest, lowest = max(seen, default=0), min(seen, default=0)
    if highest == 0:
        return [MAX_SCORE if counts else 0 for counts in compared]
    return [
        MAX_SCORE * (highest + lowest - cost) // highest if counts else 0
        for cost, counts in zip(costs, compared, strict=True)
    ]


def _compile(constraint: Mapping[str, Any], labels: Mapping[str, str]) -> Constraint:
    selector = from_label_selector(constraint.get("labelSelector"))
    same = [Requirement(k, "=", (labels[k],)) for k in constraint.get("matchLabelKeys") or () if k in labels]
    return Constraint(
        constraint["topologyKey"],
        constraint["maxSkew"],
        Selector([*selector.requirements, *same], nothing=selector.is_nothing),
        constraint.get("minDomains") or 1,
        (constraint.get("nodeAffinityPolicy") or "Honor") == "Honor",
        constraint.get("nodeTaintsPolicy") == "Honor",
    )
