"""How many pods of a namespace a selector matches, per node and per domain: kept up to date change by change.

Spreading and affinity between pods ask this for every decision; walking all pods each time would make the cost of a
decision grow with the cluster. Only the selectors asked for most recently are kept. A new one is held against what the
pods of each owner have in common, their labels: of 150,000 pods, the loop could not wait until all have been looked at.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, TypeVar

from sampan.machinery.selectors import Selector
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import LabelSet, PodInfo

_KEPT = 256


class _Question(NamedTuple):
    namespace: str
    selector: Selector
    terminating: bool

    def counts(self, pod: "PodInfo | _Alike") -> bool:
        return (self.terminating or not pod.terminating) and self.selector.matches(pod.labels)


class _Alike:
    """Pods with the same labels, by node."""

    __slots__ = ("labels", "nodes", "terminating")

    def __init__(self, pod: PodInfo) -> None:
        self.labels = pod.labels
        self.terminating = pod.terminating
        self.nodes: dict[NodeInfo, int] = {}


class _Answer:
    """Matching pods by node name, and, for topology keys that were asked for, by value."""

    def __init__(self) -> None:
        self.nodes: dict[str, int] = {}
        self.domains: dict[str, dict[str, int]] = {}

    def add(self, node: NodeInfo, by: int) -> None:
        _add(self.nodes, node.name, by)
        for key, domains in self.domains.items():
            if node.known and key in node.labels:
                _add(domains, node.labels[key], by)


class MatchCounts:
    """Owned by state.py, which reports every pod that comes or goes, and every change of the nodes' labels."""

    def __init__(self) -> None:
        self._alike: dict[str, dict[tuple[LabelSet, bool], _Alike]] = {}  # by namespace
        self._answers: OrderedDict[_Question, _Answer] = OrderedDict()
        self._by_namespace: dict[str, set[_Question]] = {}

    def by_node(self, namespace: str, selector: Selector, *, terminating: bool) -> Mapping[str, int]:
        """Node name -> matching pods, nodes without any left out; `terminating` counts those being deleted too."""
        return self._answer(_Question(namespace, selector, terminating)).nodes

    def by_domain(self, namespace: str, selector: Selector, topology_key: str, *, terminating: bool) -> dict[str, int]:
        """Value of a node label -> matching pods, values without any left out. Live: not to be changed or kept."""
        question = _Question(namespace, selector, terminating)
        answer = self._answer(question)
        domains = answer.domains.get(topology_key)
        if domains is None:
            domains = answer.domains[topology_key] = {}
            for node, count in self._matching(question):
                if node.known and topology_key in node.labels:
                    _add(domains, node.labels[topology_key], count)
        return domains

    def namespaces(self) -> Collection[str]:
        """Every namespace with an assigned pod."""
        return self._alike.keys()

    def change(self, pod: PodInfo, node: NodeInfo, by: int) -> None:
        """A pod came (1) to a node or went (-1)."""
        self._file(pod, node, by)
        for question in self._by_namespace.get(pod.namespace, ()):
            if question.counts(pod):
                self._answers[question].add(node, by)

    def forget_domains(self) -> None:
        """Nodes came, went or changed their labels."""
        for answer in self._answers.values():
            answer.domains.clear()

    def _answer(self, question: _Question) -> _Answer:
        answer = self._answers.get(question)
        if answer is not None:
            self._answers.move_to_end(question)
            return answer
        if len(self._answers) >= _KEPT:
            oldest, _ = self._answers.popitem(last=False)
            self._by_namespace[oldest.namespace].discard(oldest)
            if not self._by_namespace[oldest.namespace]:
                del self._by_namespace[oldest.namespace]
        answer = self._answers[question] = _Answer()
        self._by_namespace.setdefault(question.namespace, set()).add(question)
        for node, count in self._matching(question):
            answer.add(node, count)
        return answer

    def _matching(self, question: _Question) -> Iterator[tuple[NodeInfo, int]]:
        for alike in self._alike.get(question.namespace, {}).values():
            if question.counts(alike):
                yield from alike.nodes.items()

    def _file(self, pod: PodInfo, node: NodeInfo, by: int) -> None:
        here = self._alike.setdefault(pod.namespace, {})
        name = (pod.label_set, pod.terminating)
        alike = here.get(name)
        if alike is None:
            alike = here[name] = _Alike(pod)
        _add(alike.nodes, node, by)
        if not alike.nodes:
            del here[name]
            if not here:
                del self._alike[pod.namespace]


N = TypeVar("N")


def _add(counts: dict[N, int], name: N, by: int) -> None:
    count = counts.get(name, 0) + by
    if count:
        counts[name] = count
    else:
        del counts[name]
