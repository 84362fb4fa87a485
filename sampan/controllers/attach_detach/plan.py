"""What is attached, detached and reported for one node now. Pure; called by controller.py.

Rules: upstream's attachdetach/reconciler; docs, Nodes, "Non-graceful node shutdown" (the taint out-of-service).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sampan.controllers.attach_detach import messages
from sampan.controllers.attach_detach.attachments import State, Volume, attach_error, named, state_of
from sampan.controllers.attach_detach.wanted import Wanted
from sampan.controllers.node_health import OUT_OF_SERVICE, readiness
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.tree import get_path
from sampan.reconcile.events import PlannedEvent

UNMOUNT_SECONDS = 360.0  # that a node which is not ready has, before what it uses is taken from it
ATTACH_SECONDS = 120.0  # without a word from the attacher, until pods are told
_MANAGED = "volumes.kubernetes.io/controller-managed-attach-detach"
_REPORTED = ("status", "volumesAttached")


@dataclass(frozen=True, slots=True)
class View:
    """One node, at one time."""

    name: str
    node: Object | None
    in_use: Collection[str]  # what its kubelet has mounted, by unique names; of a node that is gone: had last
    wanted: Mapping[Volume, Wanted]
    attachments: Mapping[Volume, Object]  # of ours, to this node
    users_elsewhere: Callable[[Wanted], Sequence[Object] | None]  # the pods of other nodes that have it; None: none has
    since: Callable[[Volume], float]  # for how many seconds its attachment has been as it is


@dataclass(slots=True)
class Plan:
    """What to do: report first, then detach, then attach."""

    reported: list[Object] = field(default_factory=list)  # status.volumesAttached
    attach: list[Wanted] = field(default_factory=list)
    detach: list[Volume] = field(default_factory=list)
    forced: set[Volume] = field(default_factory=set)  # of these: without the kubelet's word
    told: list[tuple[Object, PlannedEvent]] = field(default_factory=list)
    next_look: float | None = None  # seconds


def plan(view: View) -> Plan:
    """Everything that can be done now."""
    decided = Plan()
    for volume in view.attachments.keys() - view.wanted.keys():
        _unwanted(view, volume, decided)
    for volume, wanted in view.wanted.items():
        _needed(view, volume, wanted, decided)
    decided.reported = _report(view, decided)
    return decided


def may_detach(node: Object, volume: Volume) -> bool:
    """Whether the kubelet of a node says, by now, that it does not use a volume."""
    return volume.unique_name not in in_use(node)


def is_managed(node: Object | None) -> bool:
    """Whether attaching is ours on a node, and not its kubelet's; on one that is gone, what is left is."""
    return node is None or _MANAGED in annotations_of(node)


def in_use(node: Object) -> frozenset[str]:
    """What the kubelet says that it has mounted."""
    return frozenset(get_path(node, ("status", "volumesInUse"), ()))


def reported(node: Object) -> list[Object]:
    """What a node's status says is attached."""
    return list(get_path(node, _REPORTED, ()))


def _unwanted(view: View, volume: Volume, decided: Plan) -> None:
    if state_of(view.attachments[volume]) is State.DETACHING:
        return
    is_out = _is_out_of_service(view.node)
    left = UNMOUNT_SECONDS - view.since(volume)
    if volume.unique_name in view.in_use and not is_out:
        if view.node is not None and readiness(view.node) == "True":
            return  # until the kubelet says otherwise
        if left > 0:
            decided.next_look = min(left, decided.next_look or left)
            return
    decided.detach.append(volume)
    if is_out or left <= 0:
        decided.forced.add(volume)


def _needed(view: View, volume: Volume, wanted: Wanted, decided: Plan) -> None:
    attachment = view.attachments.get(volume)
    match state_of(attachment):
        case State.MISSING:
            users = view.users_elsewhere(wanted) if wanted.is_exclusive else None
            if users is None:
                decided.attach.append(wanted)
            else:
                decided.told += [(pod, messages.waits(wanted.name, pod, users)) for pod in wanted.pods]
        case State.DETACHING:
            _tell(decided, wanted, messages.failed(wanted.name, "volume attachment is being deleted"))
        case State.ATTACHED if view.node is not None and volume.unique_name not in _names(view.node):
            _tell(decided, wanted, messages.attached(wanted.name))
        case State.ATTACHING:
            _attaching(view, volume, wanted, attach_error(attachment), decided)


def _attaching(view: View, volume: Volume, wanted: Wanted, why: str, decided: Plan) -> None:
    left = ATTACH_SECONDS - view.since(volume)
    if not why and left > 0:
        decided.next_look = min(left, decided.next_look or left)
        return
    _tell(decided, wanted, messages.failed(wanted.name, why or messages.late(volume.driver, volume.handle)))


def _tell(decided: Plan, wanted: Wanted, event: PlannedEvent) -> None:
    decided.told += [(pod, event) for pod in wanted.pods]


def _report(view: View, decided: Plan) -> list[Object]:
    """What is attached and stays so, in the order in which it came; what others have reported is theirs."""
    there = {
        volume.unique_name
        for volume, attachment in view.attachments.items()
        if state_of(attachment) is State.ATTACHED and volume not in decided.detach
    }
    before = reported(view.node) if view.node is not None else []
    kept = [one for one in before if one.get("name") in there or named(one.get("name") or "") is None]
    new = there - {one.get("name") for one in kept}
    return [*kept, *({"name": name, "devicePath": ""} for name in sorted(new))]


def _names(node: Object) -> set[str]:
    return {str(one.get("name")) for one in reported(node)}


def _is_out_of_service(node: Object | None) -> bool:
    taints = get_path(node, ("spec", "taints"), ())
    return any(taint.get("key") == OUT_OF_SERVICE for taint in taints)
