"""Judgements of single nodes, remembered.

Pods of one ReplicaSet ask the same of a node, and a node changes only when a pod comes or goes: so of a thousand
verdicts that a decision needs, all but one or two are those of the decision before. Verdicts are kept per signature
(what of a pod matters to plugins that judge a node by itself) and per node, and hold for one generation of the node.
"""

from collections import OrderedDict
from typing import NamedTuple

from sampan.scheduler.framework import Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.profile import Profile

_SIGNATURES_KEPT = 16


class Verdict(NamedTuple):
    """What the plugins that look at one node say of it."""

    generation: int
    rejection: Rejection | None
    score: int = 0  # of those that need no comparison, weighted and summed
    counts: tuple[int, ...] = ()  # of those that do


def judge(profile: Profile, pod: PodInfo, node: NodeInfo) -> Verdict:
    """Ask the plugins; the first rejection ends it, as upstream."""
    for plugin in profile.node_filters:
        if rejection := plugin.filter(pod, node):
            return Verdict(node.generation, rejection)
    score = sum([weight * plugin.score(pod, node) for plugin, weight in profile.node_scores])
    return Verdict(node.generation, None, score, tuple([p.count(pod, node) for p, _ in profile.relative_scores]))


class Memo:
    """Verdicts by signature and node name, of the signatures used most recently."""

    def __init__(self) -> None:
        self._verdicts: OrderedDict[bytes, dict[str, Verdict]] = OrderedDict()

    def of(self, pod: PodInfo) -> dict[str, Verdict]:
        """The verdicts for pods like this one, to be read and written; stale ones show by their generation."""
        found = self._verdicts.get(pod.signature)
        if found is None:
            found = self._verdicts[pod.signature] = {}
            if len(self._verdicts) > _SIGNATURES_KEPT:
                self._verdicts.popitem(last=False)
        else:
            self._verdicts.move_to_end(pod.signature)
        return found

    def forget_nodes(self) -> None:
        """Nodes are gone: drop everything rather than search."""
        self._verdicts.clear()
