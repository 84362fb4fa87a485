"""How many pods of a namespace a selector matches, per node and per domain: kept up to date change by change.

Spreading and affinity between pods ask this for every decision; walking all pods each time would make the cost of a
decision grow with the cluster. Only the selectors asked for most recently are kept.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from sampan.machinery.selectors import Selector
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo

_KEPT = 256

# Every assigned pod of a namespace with the node it is on.
PodsOf = Callable[[str], Iterable[tuple[PodInfo, NodeInfo]]]


class _Question(NamedTuple):
    namespace: str
    selector: Selector
    terminating: bool

    def counts(self, pod: PodInfo) -> bool:
        return (self.terminating or not pod.terminating) and self.selector.matches(pod.labels)


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

    def __init__(self, pods_of: PodsOf) -> None:
        self._pods_of = pods_of
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
            for pod, node in self._pods_of(namespace):
                if node.known and topology_key in node.labels and question.counts(pod):
                    _add(domains, node.labels[topology_key], 1)
        return domains

    def change(self, pod: PodInfo, node: NodeInfo, by: int) -> None:
        """A pod came (1) to a node or went (-1)."""
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
        for pod, node in self._pods_of(question.namespace):
            if question.counts(pod):
                answer.add(node, 1)
        return answer


def _add(counts: dict[str, int], name: str, by: int) -> None:
    count = counts.get(name, 0) + by
    if count:
        counts[name] = count
    else:
        del counts[name]
