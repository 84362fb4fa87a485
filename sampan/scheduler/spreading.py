"""Spread constraints: which pods they count where, and whether one more on a node would make things too uneven.

Used by plugins/pod_topology_spread.py. Rules: docs page Pod Topology Spread Constraints.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest
from operator import itemgetter

from sampan.machinery.selectors import Selector
from sampan.scheduler.framework import Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.plugins.node_affinity import is_picky, matches_required
from sampan.scheduler.plugins.taint_toleration import TaintToleration
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState

NAME = "PodTopologySpread"
_UNEVEN = "node(s) didn't match pod topology spread constraints"
_NO_LABEL = "node(s) didn't match pod topology spread constraints (missing required label)"
_TAINTS = TaintToleration()
_NONE = 1 << 62  # the least of no domains


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


class SpreadCheck:
    """A MovableCheck: whether a pod on a node would make things too uneven."""

    def __init__(self, pod: PodInfo, domains: Sequence["Domains"]) -> None:
        self._pod = pod
        self._domains = domains

    def __call__(self, node: NodeInfo) -> Rejection | None:
        if any(domain.key not in node.labels for domain in self._domains):
            return Rejection(NAME, (_NO_LABEL,), resolvable=False)
        if all(domain.allows(node) for domain in self._domains):
            return None
        return Rejection(NAME, (_UNEVEN,))

    def moved(self, node: NodeInfo, gone: Iterable[PodInfo], come: Iterable[PodInfo]) -> "SpreadCheck":
        if any(domain.key not in node.labels for domain in self._domains):
            return self
        moves = [(pod, by) for pods, by in ((gone, -1), (come, 1)) for pod in pods if self._counts(pod)]
        if not moves:
            return self
        return SpreadCheck(self._pod, [domain.moved(self._pod, node, moves) for domain in self._domains])

    def _counts(self, other: PodInfo) -> bool:
        return other.namespace == self._pod.namespace and not other.terminating


class Domains:
    """How many matching pods each value of the topology key has, among the nodes that count."""

    def __init__(self, constraint: Constraint, pod: PodInfo, state: ClusterState, all_: Sequence[Constraint]) -> None:
        self.key = constraint.topology_key
        self._constraint = constraint
        self._itself = int(constraint.selector.matches(pod.labels))
        self._matches, self._number = matches_of(constraint, pod, state, [other.topology_key for other in all_])
        self._changed: Mapping[str, int] = {}  # by how many: what is not as in `_matches`, of one domain
        enough = self._number >= constraint.min_domains and self._number == len(self._matches)
        self._least = min(self._matches.values(), default=0) if enough else 0

    def allows(self, node: NodeInfo) -> bool:
        return self._in(node.labels[self.key]) + self._itself - self._least <= self._constraint.max_skew

    def moved(self, pod: PodInfo, node: NodeInfo, moves: Sequence[tuple[PodInfo, int]]) -> "Domains":
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


def matches_of(
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
