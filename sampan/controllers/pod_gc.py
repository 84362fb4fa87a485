"""Removes pods that nobody else will: on nodes that are gone, never scheduled but terminating, or long finished.

Rules: docs, Pod Lifecycle, "Garbage collection of Pods" and "Non-graceful node shutdown"; upstream's
pkg/controller/podgc.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from sampan.controllers.config import ControllerContext
from sampan.controllers.node_health import OUT_OF_SERVICE, readiness
from sampan.controllers.pod_disruption import disruption, tell
from sampan.controllers.pods import is_finished
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.conditions import TRUE
from sampan.machinery.errors import APIError, NotFound
from sampan.machinery.meta import Object, is_deleting, key_of
from sampan.reconcile.controller import Controller

log = logging.getLogger(__name__)

PERIOD = 20.0  # seconds between looks
QUARANTINE = 40.0  # seconds for which a node must have been unknown: it may only have been slow to be seen


class Removal(NamedTuple):
    """A pod to delete at once, and what to write into its condition before; "" for nothing."""

    pod: Object
    message: str = ""


def plan(
    pods: Iterable[Object], nodes: Mapping[str, Object], gone: Callable[[str], bool], threshold: int
) -> list[Removal]:
    """What to remove. `gone(name)`: whether a node is known for certain not to exist; `threshold`: see Config."""
    found = list(pods)
    return _finished(found, threshold) + [removal for pod in found for removal in _lost(pod, nodes, gone)]


def _finished(pods: Iterable[Object], threshold: int) -> list[Removal]:
    """Evicted ones, then the oldest of the finished pods, as far as there are too many."""
    finished = [pod for pod in pods if is_finished(pod) and not is_deleting(pod)]
    excess = len(finished) - threshold
    if threshold <= 0 or excess <= 0:
        return []
    finished.sort(key=lambda pod: (not is_evicted(pod), pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))
    return [Removal(pod) for pod in finished[:excess]]


def is_evicted(pod: Object) -> bool:
    """Whether its node has ended the pod for want of resources."""
    return bool(pod["status"].get("reason") == "Evicted")


def _lost(pod: Object, nodes: Mapping[str, Object], gone: Callable[[str], bool]) -> Iterable[Removal]:
    name = pod["spec"].get("nodeName") or ""
    if not name:
        if is_deleting(pod):
            yield Removal(pod)
    elif name not in nodes:
        if gone(name):
            yield Removal(pod, "PodGC: node no longer exists")
    elif is_deleting(pod) and _is_out_of_service(nodes[name]):
        yield Removal(pod, "PodGC: node is out-of-service")


def _is_out_of_service(node: Object) -> bool:
    taints = node["spec"].get("taints") or ()
    return readiness(node) != TRUE and any(taint["key"] == OUT_OF_SERVICE for taint in taints)


class PodGarbageCollector(Controller):
    """Looks at all pods once in a while; it has no queue to speak of."""

    name = "pod-garbage-collector-controller"
    account = "pod-garbage-collector"
    workers = 0

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.threshold = context.config.terminated_pod_gc_threshold
        self.pods = self.watch(POD, None)
        self.nodes = self.watch(NODE, None)
        self.missing: dict[str, float] = {}  # names of unknown nodes, and since when

    async def background(self) -> None:
        while True:
            try:
                await self.collect()
            except (APIError, OSError) as error:
                log.warning("looking for pods to remove failed: %s", error)
            await self.clock.sleep(PERIOD)

    async def collect(self) -> None:
        """One look."""
        nodes = {node["metadata"]["name"]: node for node in self.nodes.items()}
        self._quarantine(nodes)
        gone = {name for name, since in self.missing.items() if await self._is_gone(name, since)}
        for removal in plan(self.pods.items(), nodes, gone.__contains__, self.threshold):
            try:
                await self._remove(removal)
            except APIError as error:
                log.warning("%s could not be removed: %s", key_of(removal.pod), error)

    def _quarantine(self, nodes: Mapping[str, Object]) -> None:
        used = {pod["spec"].get("nodeName") or "" for pod in self.pods.items()}
        now = self.clock.monotonic()
        self.missing = {name: self.missing.get(name, now) for name in used - nodes.keys() - {""}}

    async def _is_gone(self, name: str, since: float) -> bool:
        """Whether the quarantine is over and the API, too, says that there is no such node."""
        if self.clock.monotonic() - since < QUARANTINE:
            return False
        try:
            await self.client.get(NODE, name)
        except NotFound:
            return True
        return False

    async def _remove(self, removal: Removal) -> None:
        pod = removal.pod
        key = key_of(pod)
        with suppress(NotFound):
            if not is_finished(pod):  # whoever keeps it by a finalizer until it has ended must see that it has
                message, now = removal.message, self.clock.now()
                reason = disruption(pod, "DeletionByPodGC", message, now) if message else None
                await tell(self.client, pod, reason, phase="Failed")
            await self.client.delete(POD, key.name, key.namespace, grace_period=0, uid=pod["metadata"]["uid"])


CONTROLLER = PodGarbageCollector
