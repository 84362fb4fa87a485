"""What a DaemonSet needs next: which nodes get a pod, which pods go, what the status says. Pure.

Rules: docs, DaemonSet and Perform a Rolling Update on a DaemonSet; upstream's pkg/controller/daemon.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sampan.controllers.daemon_set.pods import GENERATION, GENERATION_NOTE, Belongs, belongs, node_of
from sampan.controllers.pods import is_available, is_finished, is_ready, phase_of
from sampan.controllers.revisions import HASH_LABEL
from sampan.machinery.int_or_percent import scaled
from sampan.machinery.meta import Object, annotations_of, is_deleting, labels_of
from sampan.reconcile.events import PlannedEvent


@dataclass(slots=True)
class Plan:
    """What to write."""

    create: list[str] = field(default_factory=list)  # names of nodes
    delete: list[Object] = field(default_factory=list)
    events: list[PlannedEvent] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class View:
    """A DaemonSet, the nodes, and its pods by node."""

    daemon_set: Object
    revision: str
    now: datetime
    nodes: Mapping[str, Belongs]
    pods: Mapping[str, Sequence[Object]]
    held: Container[str] = ()  # nodes on which failed pods are not replaced yet

    def is_updated(self, pod: Object) -> bool:
        """Whether the pod has today's template."""
        labels, wanted = labels_of(pod), annotations_of(self.daemon_set).get(GENERATION_NOTE)
        return labels.get(HASH_LABEL) == self.revision or (bool(wanted) and labels.get(GENERATION) == wanted)

    def is_available(self, pod: Object) -> bool:
        """Whether the pod does its work."""
        seconds = self.daemon_set["spec"].get("minReadySeconds") or 0
        return not is_deleting(pod) and is_available(pod, seconds, self.now)

    @property
    def wanted(self) -> list[str]:
        """The nodes that are to have a pod."""
        return [name for name, place in self.nodes.items() if place.start]

    def limit(self, name: str, default: int) -> int:
        """maxUnavailable or maxSurge in pods; percentages are of the wanted nodes, rounded up."""
        parameters = (self.daemon_set["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
        value = parameters.get(name, default)
        return scaled(value, len(self.wanted), up=True)


def view(
    daemon_set: Object,
    nodes: Iterable[Object],
    pods: Iterable[Object],
    revision: str,
    now: datetime,
    held: Container[str] = (),
) -> View:
    """Everything in its place; oldest pods first."""
    by_node: dict[str, list[Object]] = {}
    for pod in sorted(pods, key=lambda pod: pod["metadata"].get("creationTimestamp") or ""):
        by_node.setdefault(node_of(pod), []).append(pod)
    places = {node["metadata"]["name"]: belongs(daemon_set, node) for node in nodes}
    return View(daemon_set, revision, now, places, by_node, held)


def plan(seen: View) -> Plan:
    """First one pod on every node that wants one; where that is settled, the update."""
    made = Plan()
    for name, place in seen.nodes.items():
        _plan_node(made, seen, name, place)
    for name, pods in seen.pods.items():  # meant for nodes that are gone; bound ones are the pod collector's
        if name not in seen.nodes:
            made.delete += [pod for pod in pods if not pod["spec"].get("nodeName") and not is_deleting(pod)]
    strategy = (seen.daemon_set["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate")
    if strategy == "RollingUpdate" and not made.create and not made.delete:
        _update(made, seen)
    return made


def _plan_node(made: Plan, seen: View, name: str, place: Belongs) -> None:
    pods = seen.pods.get(name, ())
    if not place.stay:
        made.delete += [pod for pod in pods if not is_deleting(pod)]
        return
    alive = []
    for pod in pods:
        if is_deleting(pod):
            continue
        if is_failed(pod) and name in seen.held:
            continue
        if is_finished(pod):
            made.delete.append(pod)
            made.events.append(_ended(pod, name))
        else:
            alive.append(pod)
    if place.start and not pods:
        made.create.append(name)
    made.delete += _duplicates(seen, alive)


def is_failed(pod: Object) -> bool:
    """Whether the pod has ended badly, or was refused by its node."""
    return phase_of(pod) == "Failed"


def _ended(pod: Object, node: str) -> PlannedEvent:
    meta = pod["metadata"]
    what = f"daemon pod {meta['namespace']}/{meta['name']} on node {node}, will try to "
    if is_failed(pod):
        return PlannedEvent("Warning", "FailedDaemonPod", f"Found failed {what}kill it")
    return PlannedEvent("Normal", "SucceededDaemonPod", f"Found succeeded {what}delete it")


def _duplicates(seen: View, alive: Sequence[Object]) -> list[Object]:
    """All but the oldest; during a surge the old one stays beside the new until that is available."""
    if not seen.limit("maxSurge", 0):
        return list(alive[1:])
    old = [pod for pod in alive if not seen.is_updated(pod)]
    new = [pod for pod in alive if seen.is_updated(pod)]
    replaced = old if any(map(seen.is_available, new)) else old[1:]
    return [*replaced, *new[1:]]


def _update(made: Plan, seen: View) -> None:
    """Replace pods of older templates, broken ones first and no more at a time than the strategy allows."""
    alive = {name: [pod for pod in seen.pods.get(name, ()) if not is_deleting(pod)] for name in seen.wanted}
    outdated = {name: pods[0] for name, pods in alive.items() if pods and not any(map(seen.is_updated, pods))}
    if surge := seen.limit("maxSurge", 0):
        _surge(made, seen, alive, outdated, surge)
        return
    unavailable = sum(not any(map(seen.is_available, pods)) for pods in alive.values())
    broken = [pod for pod in outdated.values() if not seen.is_available(pod)]
    working = [pod for pod in outdated.values() if seen.is_available(pod)]
    room = max(0, seen.limit("maxUnavailable", 1) - unavailable)
    made.delete += [*broken, *working[:room]]


def _surge(
    made: Plan, seen: View, alive: Mapping[str, Sequence[Object]], outdated: Mapping[str, Object], surge: int
) -> None:
    """New pods beside old ones; a broken old one needs no company to be replaced."""
    made.delete += [pod for pod in outdated.values() if not seen.is_available(pod)]
    doubled = sum(len(pods) > 1 for pods in alive.values())
    working = [name for name, pod in outdated.items() if seen.is_available(pod)]
    made.create += working[: max(0, surge - doubled)]


def status_of(seen: View) -> Object:
    """The counts; conditions and collisions as they were."""
    old = seen.daemon_set.get("status") or {}
    wanted = set(seen.wanted)
    first = {
        name: next((pod for pod in pods if not is_deleting(pod)), None)
        for name, pods in seen.pods.items()
        if name in wanted
    }
    alive = {name: pod for name, pod in first.items() if pod is not None}
    available = sum(any(map(seen.is_available, seen.pods.get(name, ()))) for name in wanted)
    updated = sum(any(seen.is_updated(p) for p in seen.pods[name] if not is_deleting(p)) for name in alive)
    status = {
        "currentNumberScheduled": len(alive),
        "numberMisscheduled": sum(bool(seen.pods.get(name)) for name in seen.nodes.keys() - wanted),
        "desiredNumberScheduled": len(wanted),
        "numberReady": sum(is_ready(pod) for pod in alive.values()),
        "observedGeneration": seen.daemon_set["metadata"].get("generation", 0),
    }
    optional = {
        "updatedNumberScheduled": updated,
        "numberAvailable": available,
        "numberUnavailable": len(wanted) - available,
        "collisionCount": old.get("collisionCount"),
        "conditions": old.get("conditions"),
    }
    return status | {name: value for name, value in optional.items() if value}
