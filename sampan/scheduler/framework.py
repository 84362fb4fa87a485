"""What a plugin is. Each file below plugins/ is one; profile.py lists them in upstream's order.

Plugins are of two sorts. Most judge one node by itself: their verdict on (kind of pod, node) is remembered until the
node changes (memo.py), which is what makes a decision cheap. A few judge a node by what runs elsewhere (spreading,
affinity between pods): they prepare once per decision. All are pure: they read, and say.

The division into filter and score, and the names, are those of the scheduling framework (KEP-624).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState

MAX_SCORE = 100


class Rejection(NamedTuple):
    """Why a node is out of the question, in the words that users see."""

    plugin: str
    reasons: tuple[str, ...]
    resolvable: bool = True  # whether the removal of pods could change it (upstream: Unschedulable)


class Plugin(Protocol):
    """Every plugin has a name, and events after which a pod that it rejected is worth another try."""

    @property
    def name(self) -> str: ...
    @property
    def events(self) -> frozenset[ClusterEvent]: ...


class NodeFilter(Plugin, Protocol):
    """Judges a node by itself."""

    def filter(self, pod: PodInfo, node: NodeInfo) -> Rejection | None: ...


class NodeScore(Protocol):
    """Scores a node by itself, 0 to MAX_SCORE."""

    @property
    def weight(self) -> int: ...
    def score(self, pod: PodInfo, node: NodeInfo) -> int: ...


class RelativeScore(Protocol):
    """Counts something about a node; counts are then stretched so that the highest becomes MAX_SCORE."""

    @property
    def weight(self) -> int: ...
    @property
    def reverse(self) -> bool: ...  # the highest count is the worst
    def count(self, pod: PodInfo, node: NodeInfo) -> int: ...


class Narrowing(Protocol):
    """Names the only nodes that a pod can go to, where its spec says so: no need to look at the others."""

    @property
    def name(self) -> str: ...
    def narrow(self, pod: PodInfo) -> frozenset[str] | None: ...


NodeCheck = Callable[[NodeInfo], Rejection | None]


class ClusterFilter(Plugin, Protocol):
    """Judges a node by what runs elsewhere; None where the pod does not ask for it."""

    def prepare(self, pod: PodInfo, state: ClusterState) -> NodeCheck | None: ...


class ClusterScore(Protocol):
    """Scores nodes by what runs elsewhere, each 0 to MAX_SCORE; None where the pod does not ask for it."""

    @property
    def weight(self) -> int: ...
    def scores(self, pod: PodInfo, state: ClusterState, nodes: Sequence[NodeInfo]) -> Sequence[int] | None: ...


def stretch(counts: Sequence[int], *, reverse: bool) -> list[int]:
    """Counts as scores: the highest is MAX_SCORE, or 0 where high is bad (upstream's DefaultNormalizeScore)."""
    highest = max(counts)
    if highest == 0:
        return [MAX_SCORE if reverse else 0] * len(counts)
    if reverse:
        return [MAX_SCORE - MAX_SCORE * count // highest for count in counts]
    return [MAX_SCORE * count // highest for count in counts]
