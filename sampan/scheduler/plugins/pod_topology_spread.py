"""PodTopologySpread: pods that a selector matches are to be spread evenly over the values of a node label.

DoNotSchedule constraints filter, ScheduleAnyway constraints score. A pod without constraints of its own that belongs to
a Service, ReplicaSet or the like gets upstream's default ones: over hosts and over zones, as a preference. Rules: docs
page Pod Topology Spread Constraints; KEP-895, KEP-1258, KEP-3022 (minDomains), KEP-3094 (inclusion policies).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import log
from typing import Any

from sampan.machinery.selectors import Requirement, Selector, from_label_selector
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import MAX_SCORE, NodeCheck
from sampan.scheduler.node_info import HOSTNAME, ZONE, NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.spreading import NAME, Constraint, Domains, SpreadCheck, matches_of
from sampan.scheduler.state import ClusterState

SYSTEM_DEFAULTS: Sequence[Mapping[str, Any]] = (
    {"topologyKey": HOSTNAME, "maxSkew": 3, "whenUnsatisfiable": "ScheduleAnyway"},
    {"topologyKey": ZONE, "maxSkew": 5, "whenUnsatisfiable": "ScheduleAnyway"},
)

# The selector of whatever a pod belongs to, None where it belongs to nothing (owners.py).
OwnerSelector = Callable[[PodInfo], Selector | None]


class PodTopologySpread:
    """A ClusterFilter and a ClusterScore."""

    name = NAME
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
        return SpreadCheck(pod, [Domains(constraint, pod, state, constraints) for constraint in constraints])

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
    matches, _ = matches_of(constraint, pod, state, [key])
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
