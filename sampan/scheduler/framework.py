"""What a plugin is. Each file below plugins/ is one; profile.py lists them in upstream's order.

Those that decide are of two sorts. Most judge one node by itself: their verdict on (kind of pod, node) is remembered
until the node changes (memo.py), which is what makes a decision cheap. A few judge a node by what is elsewhere
(spreading, affinity between pods, volumes): they prepare once per decision. All of these are pure: they read, and say.

Once a node is chosen, others act, in this order (binding.py): reserve, permit, pre-bind, and, when the pod is bound,
post-bind. The division, and the names, are those of the scheduling framework (KEP-624); a plugin has what it needs.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState

MAX_SCORE = 100
EXTENDERS = "Extenders"  # to be blamed in a plugin's place


class Rejection(NamedTuple):
    """Why a node is out of the question, in the words that users see."""

    plugin: str
    reasons: tuple[str, ...]
    resolvable: bool = True  # whether the removal of pods could change it (upstream: Unschedulable)


class Refusal(NamedTuple):
    """Why a pod can go to no node, whichever there are."""

    plugin: str
    reason: str


class Rejected(Exception):
    """Raised by what acts for a pod: it can't have the node after all. The message says why."""


class PluginError(Exception):
    """Raised by what decides: this attempt has failed, whichever nodes there are, and another is due later."""


class Unfinished(PluginError):
    """A slice of long work is done, and remembered: ask again when others have had their turn."""


class Plugin(Protocol):
    """Every plugin has a name, and events after which a pod that it rejected is worth another try."""

    @property
    def name(self) -> str: ...
    @property
    def events(self) -> frozenset[ClusterEvent]: ...


@runtime_checkable
class NodeFilter(Plugin, Protocol):
    """Judges a node by itself. One that does not look at the node's pods says so: `ignores_pods = True`."""

    def filter(self, pod: PodInfo, node: NodeInfo) -> Rejection | None: ...


@runtime_checkable
class NodeScore(Protocol):
    """Scores a node by itself, 0 to MAX_SCORE."""

    def score(self, pod: PodInfo, node: NodeInfo) -> int: ...


@runtime_checkable
class RelativeScore(Protocol):
    """Counts something about a node; counts are then stretched so that the highest becomes MAX_SCORE."""

    @property
    def reverse(self) -> bool: ...  # the highest count is the worst
    def count(self, pod: PodInfo, node: NodeInfo) -> int: ...


@runtime_checkable
class Narrowing(Protocol):
    """Names the only nodes that a pod can go to, where its spec says so: no need to look at the others."""

    @property
    def name(self) -> str: ...
    def narrow(self, pod: PodInfo) -> frozenset[str] | None: ...


NodeCheck = Callable[[NodeInfo], Rejection | None]


class MovableCheck(Protocol):
    """A NodeCheck that depends on the pods of the cluster, beyond those of the node that it is given.

    `moved` is the check as it would be if some pods left a node and others came to it (upstream's AddPod, RemovePod).
    """

    def __call__(self, node: NodeInfo) -> Rejection | None: ...
    def moved(self, node: NodeInfo, gone: Iterable[PodInfo], come: Iterable[PodInfo]) -> "MovableCheck": ...


@runtime_checkable
class Dormant(Protocol):
    """A ClusterFilter whose check of a pod that asks for nothing may come to matter when other pods come."""

    def dormant(self, pod: PodInfo) -> MovableCheck: ...


@runtime_checkable
class ClusterFilter(Plugin, Protocol):
    """Judges a node by what is elsewhere; None where the pod does not ask for it, a refusal where no node will do."""

    def prepare(self, pod: PodInfo, state: ClusterState) -> NodeCheck | Refusal | None: ...


@runtime_checkable
class ClusterScore(Protocol):
    """Scores nodes by what is elsewhere, each 0 to MAX_SCORE; None where the pod does not ask for it."""

    def scores(self, pod: PodInfo, state: ClusterState, nodes: Sequence[NodeInfo]) -> Sequence[int] | None: ...


@runtime_checkable
class PreEnqueue(Plugin, Protocol):
    """Says whether a pod is not to be looked at yet; it is asked again when the pod changes."""

    def holds(self, pod: PodInfo) -> bool: ...


@runtime_checkable
class LookAhead(Protocol):
    """Finds out before a decision what would take too long during one; `lacks` says whether there is anything."""

    def lacks(self, pod: PodInfo) -> bool: ...
    async def look_ahead(self, pod: PodInfo) -> None: ...


@runtime_checkable
class PostFilter(Protocol):
    """Does something for a pod that no node can take; says what, or "". Raises APIError, OSError."""

    async def post_filter(self, pod: PodInfo) -> str: ...


@runtime_checkable
class Reserve(Protocol):
    """Sets aside, at once, what the pod will need on its node. Raises Rejected.

    `unreserve` gives it back when the pod is not bound after all; it may be called more than once.
    """

    @property
    def name(self) -> str: ...
    def reserve(self, pod: PodInfo, node: NodeInfo) -> None: ...
    def unreserve(self, pod: PodInfo) -> None: ...


@runtime_checkable
class Permit(Protocol):
    """May keep a pod waiting before it is bound, or raise Rejected. `permits` says whether it has a say at all."""

    @property
    def name(self) -> str: ...
    def permits(self, pod: PodInfo) -> bool: ...
    async def permit(self, pod: PodInfo, node: str) -> None: ...


@runtime_checkable
class PreBind(Protocol):
    """Makes ready what has to be when the pod is bound. Raises Rejected, APIError, OSError.

    `prepares` says whether there is anything to be done (upstream's PreBindPreFlight): it is asked after `reserve`.
    """

    @property
    def name(self) -> str: ...
    def prepares(self, pod: PodInfo) -> bool: ...
    async def pre_bind(self, pod: PodInfo, node: str) -> None: ...


@runtime_checkable
class PostBind(Protocol):
    """Tidies up when a pod has been bound."""

    def post_bind(self, pod: PodInfo, node: str) -> None: ...


def stretch(counts: Sequence[int], *, reverse: bool) -> list[int]:
    """Counts as scores: the highest is MAX_SCORE, or 0 where high is bad (upstream's DefaultNormalizeScore)."""
    highest = max(counts)
    if highest == 0:
        return [MAX_SCORE if reverse else 0] * len(counts)
    if reverse:
        return [MAX_SCORE - MAX_SCORE * count // highest for count in counts]
    return [MAX_SCORE * count // highest for count in counts]
