"""Affinity between pods: what its terms mean, and whether a node is near those that a pod wants to be near.

"Near" means: on nodes with the same value of the term's topology key. Required anti-affinity binds both ways: a pod
that is already there may refuse the newcomer. Used by plugins/inter_pod_affinity.py. Rules: docs page Assigning Pods to
Nodes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from sampan.machinery.selectors import Requirement, Selector, from_label_selector
from sampan.scheduler.framework import Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo

NAME = "InterPodAffinity"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"

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


def terms(pod: PodInfo, field: str, sort: str) -> Sequence[Term]:
    """The terms of podAffinity or podAntiAffinity, required or preferred; compiled once for the pod."""
    compiled: list[Term] | None = pod.terms.get((field, sort))
    if compiled is None:
        found = ((pod.spec.get("affinity") or {}).get(field) or {}).get(sort) or ()
        pairs = [(t, 0) if sort == REQUIRED else (t["podAffinityTerm"], t["weight"]) for t in found]
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


def add_places(found: dict[Place, int], node: NodeInfo | None, where: Iterable[Term], amount: int) -> None:
    """Count so many more at the places of some terms that a node belongs to."""
    for term in where:
        if node is not None and node.known and term.topology_key in node.labels:
            place = _at(term, node)
            found[place] = found.get(place, 0) + amount


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
        add_places(more, node, where, by)
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
            return Rejection(NAME, ("node(s) didn't match pod affinity rules",), resolvable=False)
        if any(_at(term, node) in places for term, places in zip(self.unwanted, self.taken, strict=True)):
            return Rejection(NAME, ("node(s) didn't match pod anti-affinity rules",))
        if any((key, node.labels.get(key, "")) in self.refused for key in self.refused.keys):
            return Rejection(NAME, ("node(s) didn't satisfy existing pods anti-affinity rules",))
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
        refusing = terms(other, "podAntiAffinity", REQUIRED) if other.has_anti_affinity else ()
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
