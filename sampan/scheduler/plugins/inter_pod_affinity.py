"""InterPodAffinity: pods that want to be near other pods, or far from them. Rules: docs page Assigning Pods to Nodes.

What a term means, and the check of a node, are in pod_affinity.py.
"""

from collections.abc import Iterable, Mapping, Sequence

from sampan.machinery.selectors import Selector
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import MAX_SCORE, NodeCheck
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_affinity import (
    NAME,
    REQUIRED,
    AffinityCheck,
    NamespaceLabels,
    Place,
    Places,
    Term,
    add_places,
    terms,
)
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState

_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


class InterPodAffinity:
    """A ClusterFilter and a ClusterScore."""

    name = NAME
    events = frozenset(
        {
            ClusterEvent.NODE_ADD,
            ClusterEvent.NODE_LABELS,
            ClusterEvent.POD_ADD,
            ClusterEvent.POD_LABELS,
            ClusterEvent.POD_REMOVE,
        }
    )

    def __init__(
        self, namespace_labels: NamespaceLabels, hard_weight: int = 1, ignore_preferences: bool = False
    ) -> None:
        """`hard_weight` is what a required term of a pod that is there adds for a newcomer that it matches;
        preferences of pods that are there may be ignored for newcomers without any of their own."""
        self._namespace_labels = namespace_labels
        self._hard_weight = hard_weight
        self._ignore_preferences = ignore_preferences

    def prepare(self, pod: PodInfo, state: ClusterState) -> NodeCheck | None:
        labels = self._namespace_labels
        refused = _places_that_refuse(pod, state, labels)
        wanted = terms(pod, "podAffinity", REQUIRED)
        unwanted = terms(pod, "podAntiAffinity", REQUIRED)
        if not refused and not wanted and not unwanted:
            return None
        present = [Places(_places_of([term], wanted, state, labels)) for term in wanted]
        taken = [Places(_places_of([term], [term], state, labels)) for term in unwanted]
        return AffinityCheck(pod, labels, Places(refused), wanted, unwanted, present, taken)

    def dormant(self, pod: PodInfo) -> AffinityCheck:
        """Pods that come may refuse the pod."""
        return AffinityCheck(pod, self._namespace_labels)

    def scores(self, pod: PodInfo, state: ClusterState, nodes: Sequence[NodeInfo]) -> Sequence[int] | None:
        if self._ignore_preferences and not _has_preferences(pod):
            return None
        liking = _liking(pod, state, self._namespace_labels, self._hard_weight)
        if not liking:
            return None
        keys = {key for key, _ in liking}
        sums = [sum(liking.get((key, node.labels.get(key, "")), 0) for key in keys) for node in nodes]
        lowest, highest = min(sums), max(sums)
        if lowest == highest:
            return [0] * len(nodes)
        return [MAX_SCORE * (total - lowest) // (highest - lowest) for total in sums]


def _places_of(
    where: Iterable[Term], all_of: Sequence[Term], state: ClusterState, labels: NamespaceLabels
) -> dict[Place, int]:
    """How many pods that meet all of some terms there are at each place of the terms `where`."""
    if len(all_of) == 1:
        together = all_of[0].selector
    else:
        together = Selector(r for term in all_of for r in term.selector.requirements)
    if any(term.selector.is_nothing for term in all_of):
        return {}
    found: dict[Place, int] = {}
    for namespace in state.namespaces():
        if all(term.covers(namespace, labels) for term in all_of):
            for name, count in state.counts.by_node(namespace, together, terminating=True).items():
                add_places(found, state.node(name), where, count)
    return found


def _places_that_refuse(pod: PodInfo, state: ClusterState, labels: NamespaceLabels) -> Mapping[Place, int]:
    """Where pods are whose required anti-affinity means this one."""
    found: dict[Place, int] = {}
    for other, nodes in state.affine:
        if other.has_anti_affinity:
            meant = [t for t in terms(other, "podAntiAffinity", REQUIRED) if t.matches(pod, labels)]
            for node, count in nodes.items() if meant else ():
                add_places(found, node, meant, count)
    return found


def _has_preferences(pod: PodInfo) -> bool:
    return any(terms(pod, field, _PREFERRED) for field in ("podAffinity", "podAntiAffinity"))


def _liking(pod: PodInfo, state: ClusterState, labels: NamespaceLabels, hard_weight: int) -> dict[Place, int]:
    """How much the pod is drawn to each place, by its own preferences and by those of the pods that are there."""
    found: dict[Place, int] = {}
    for field, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
        for term in terms(pod, field, _PREFERRED):
            for place, count in _places_of([term], [term], state, labels).items():
                found[place] = found.get(place, 0) + sign * term.weight * count
    for other, nodes in state.affine:
        for weight, term in _pulls(other, hard_weight):
            if term.matches(pod, labels):
                for node, count in nodes.items():
                    add_places(found, node, [term], weight * count)
    return {place: weight for place, weight in found.items() if weight}


def _pulls(other: PodInfo, hard_weight: int) -> Iterable[tuple[int, Term]]:
    for term in terms(other, "podAffinity", REQUIRED) if hard_weight else ():
        yield hard_weight, term
    for term in terms(other, "podAffinity", _PREFERRED):
        yield term.weight, term
    for term in terms(other, "podAntiAffinity", _PREFERRED):
        yield -term.weight, term
