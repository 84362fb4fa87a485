"""InterPodAffinity: pods that want to be near other pods, or far from them. Rules: docs page Assigning Pods to Nodes.

"Near" means: on nodes with the same value of the term's topology key. Required anti-affinity binds both ways: a pod
that is already there may refuse the newcomer.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from sampan.machinery.selectors import Requirement, Selector, from_label_selector
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import MAX_SCORE, NodeCheck, Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState

_NAME = "InterPodAffinity"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

# The labels of a namespace by its name, for terms with a namespaceSelector.
NamespaceLabels = Callable[[str], Mapping[str, str]]
Place = tuple[str, str]  # a topology key and a value of it


class Term(NamedTuple):
    """One affinity term, compiled for the pod that has it."""

    topology_key: str
    selector: Selector
    namespaces: frozenset[str]
    namespace_selector: Selector
    weight: int = 0

    def covers(self, namespace: str, labels: NamespaceLabels) -> bool:
        """Whether pods of a namespace are meant."""
        return namespace in self.namespaces or self.namespace_selector.matches(labels(namespace))

    def matches(self, pod: PodInfo, labels: NamespaceLabels) -> bool:
        """Whether a pod is meant."""
        return self.selector.matches(pod.labels) and self.covers(pod.namespace, labels)


class Places:
    """How many pods there are at each place, at most a few of them otherwise than `found`."""

    def __init__(self, found: Mapping[Place, int]) -> None:
        self._found = found
        self._changed: Mapping[Place, int] = {}

    def __contains__(self, place: Place) -> bool:
        return self._found.get(place, 0) + self._changed.get(place, 0) > 0

    def __bool__(self) -> bool:
        if not self._changed:
            return bool(self._found)
        return sum(self._found.values()) + sum(self._changed.values()) > 0

    @cached_property
    def keys(self) -> frozenset[str]:
        """The topology keys of all places."""
        return frozenset(key for key, _ in self._found)

    def changed(self, node: NodeInfo, where: Sequence[Term], by: int) -> "Places":
        """With so many more on a node, at the place of each term."""
        if not where or not by:
            return self
        other, more = Places(self._found), dict(self._changed)
        _add_places(more, node, where, by)
        other._changed = more
        other.keys = self.keys | {term.topology_key for term in where}
        return other


_NOWHERE = Places({})


@dataclass(frozen=True, slots=True)
class AffinityCheck:
    """A MovableCheck: whether a pod on a node would be where it wants to be, and where nobody refuses it."""

    pod: PodInfo
    labels: NamespaceLabels
    refused: Places = _NOWHERE
    wanted: Sequence[Term] = ()
    unwanted: Sequence[Term] = ()
    present: Sequence[Places] = ()  # by wanted term: pods that meet all of these
    taken: Sequence[Places] = ()  # by unwanted term

    def __call__(self, node: NodeInfo) -> Rejection | None:
        if not all(term.topology_key in node.labels for term in self.wanted) or not (
            all(_at(term, node) in places for term, places in zip(self.wanted, self.present, strict=True))
            or self._is_first()
        ):
            return Rejection(_NAME, ("node(s) didn't match pod affinity rules",), resolvable=False)
        if any(_at(term, node) in places for term, places in zip(self.unwanted, self.taken, strict=True)):
            return Rejection(_NAME, ("node(s) didn't match pod anti-affinity rules",))
        if any((key, node.labels.get(key, "")) in self.refused for key in self.refused.keys):
            return Rejection(_NAME, ("node(s) didn't satisfy existing pods anti-affinity rules",))
        return None

    def moved(self, node: NodeInfo, gone: Iterable[PodInfo], come: Iterable[PodInfo]) -> "AffinityCheck":
        check = self
        for pods, by in ((gone, -1), (come, 1)):
            for pod in pods:
                check = check._with(node, pod, by)
        return check

    def _is_first(self) -> bool:
        """The first pod of a group that wants to be together has nobody to join."""
        return not any(self.present) and all(term.matches(self.pod, self.labels) for term in self.wanted)

    def _with(self, node: NodeInfo, other: PodInfo, by: int) -> "AffinityCheck":
        refusing = terms(other, "podAntiAffinity", _REQUIRED) if other.has_anti_affinity else ()
        refusing = [term for term in refusing if term.matches(self.pod, self.labels)]
        joined = bool(self.wanted) and all(term.matches(other, self.labels) for term in self.wanted)
        hit = [term.matches(other, self.labels) for term in self.unwanted]
        if not refusing and not joined and not any(hit):
            return self
        present, taken = self.present, self.taken
        if joined:
            present = [p.changed(node, [t], by) for t, p in zip(self.wanted, present, strict=True)]
        if any(hit):
            taken = [p.changed(node, [t], by * h) for t, p, h in zip(self.unwanted, taken, hit, strict=True)]
        return replace(self, refused=self.refused.changed(node, refusing, by), present=present, taken=taken)


class InterPodAffinity:
    """A ClusterFilter and a ClusterScore."""

    name = _NAME
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
        wanted = terms(pod, "podAffinity", _REQUIRED)
        unwanted = terms(pod, "podAntiAffinity", _REQUIRED)
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


def terms(pod: PodInfo, field: str, sort: str) -> Sequence[Term]:
    """The terms of podAffinity or podAntiAffinity, required or preferred; compiled once for the pod."""
    compiled: list[Term] | None = pod.terms.get((field, sort))
    if compiled is None:
        found = ((pod.spec.get("affinity") or {}).get(field) or {}).get(sort) or ()
        pairs = [(t, 0) if sort == _REQUIRED else (t["podAffinityTerm"], t["weight"]) for t in found]
        compiled = pod.terms[field, sort] = [_compile(term, pod, weight) for term, weight in pairs]
    return compiled


def _compile(term: Mapping[str, Any], pod: PodInfo, weight: int) -> Term:
    selector = from_label_selector(term.get("labelSelector"))
    more = [Requirement(k, "in", (pod.labels[k],)) for k in term.get("matchLabelKeys") or () if k in pod.labels]
    more += [Requirement(k, "notin", (pod.labels[k],)) for k in term.get("mismatchLabelKeys") or () if k in pod.labels]
    if more:
        selector = Selector([*selector.requirements, *more], nothing=selector.is_nothing)
    namespaces = frozenset(term.get("namespaces") or ())
    if not namespaces and term.get("namespaceSelector") is None:
        namespaces = frozenset({pod.namespace})
    return Term(term["topologyKey"], selector, namespaces, from_label_selector(term.get("namespaceSelector")), weight)


def _at(term: Term, node: NodeInfo) -> Place:
    return term.topology_key, node.labels.get(term.topology_key, "")


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
                _add_places(found, state.node(name), where, count)
    return found


def _add_places(found: dict[Place, int], node: NodeInfo | None, where: Iterable[Term], amount: int) -> None:
    for term in where:
        if node is not None and term.topology_key in node.labels:
            place = _at(term, node)
            found[place] = found.get(place, 0) + amount


def _places_that_refuse(pod: PodInfo, state: ClusterState, labels: NamespaceLabels) -> Mapping[Place, int]:
    """Where pods are whose required anti-affinity means this one."""
    found: dict[Place, int] = {}
    for key, other in state.affine.items():
        if other.has_anti_affinity:
            meant = [t for t in terms(other, "podAntiAffinity", _REQUIRED) if t.matches(pod, labels)]
            _add_places(found, state.node(state.place_of(key)), meant, 1)
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
    for key, other in state.affine.items():
        node = state.node(state.place_of(key))
        for weight, term in _pulls(other, hard_weight):
            if term.matches(pod, labels):
                _add_places(found, node, [term], weight)
    return {place: weight for place, weight in found.items() if weight}


def _pulls(other: PodInfo, hard_weight: int) -> Iterable[tuple[int, Term]]:
    for term in terms(other, "podAffinity", _REQUIRED) if hard_weight else ():
        yield hard_weight, term
    for term in terms(other, "podAffinity", _PREFERRED):
        yield term.weight, term
    for term in terms(other, "podAntiAffinity", _PREFERRED):
        yield -term.weight, term
