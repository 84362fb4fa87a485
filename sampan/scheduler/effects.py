"""What the scheduler writes to the API: bindings, conditions, nominations, evictions, and events about them."""

import logging
from typing import Any

from sampan.client.api import Client
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import APIError, Conflict, NotFound
from sampan.machinery.meta import Object, format_time
from sampan.reconcile.clock import Clock
from sampan.reconcile.events import NORMAL, WARNING, EventRecorder
from sampan.scheduler.pod_info import PodInfo

log = logging.getLogger(__name__)

UNSCHEDULABLE, SCHEDULER_ERROR = "Unschedulable", "SchedulerError"
_LONGEST_NOTE = 1024  # of an event


class Effects:
    """All writes of one scheduler."""

    def __init__(self, client: Client, recorder: EventRecorder, clock: Clock, name: str) -> None:
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._name = name

    async def bind(self, pod: PodInfo, node: str) -> None:
        """Assign the pod; raises APIError, OSError."""
        binding: Object = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"namespace": pod.namespace, "name": pod.key.name, "uid": pod.uid},
            "target": {"kind": "Node", "name": node},
        }
        await self._client.create(POD, binding, subresource="binding")
        self.tell_bound(pod, node)

    def tell_bound(self, pod: PodInfo, node: str) -> None:
        """Say by event that the pod is assigned."""
        self._recorder.event(pod.object, NORMAL, "Scheduled", f"Successfully assigned {pod.key} to {node}")

    async def report_failure(self, pod: PodInfo, reason: str, message: str, nominated: str | None = None) -> None:
        """Say by event and by condition why the pod has no node; `nominated` also sets status.nominatedNodeName."""
        self._recorder.event(pod.object, WARNING, "FailedScheduling", shortened(message))
        status: dict[str, Any] = {}
        condition = self._condition(pod, "PodScheduled", "False", reason, message)
        if condition:
            status["conditions"] = [condition]
        if nominated is not None and nominated != (pod.object.get("status") or {}).get("nominatedNodeName", ""):
            status["nominatedNodeName"] = nominated or None
        if status:
            await self._patch_status(pod, status)

    async def nominate(self, pod: PodInfo, node: str) -> None:
        """Say where a pod is going to run, or, with "", that it is not going to run there."""
        await self._patch_status(pod, {"nominatedNodeName": node or None})

    async def evict(self, victim: PodInfo, preemptor: PodInfo, node: str) -> None:
        """Delete a pod to make room, with the condition that tells its controller why; raises APIError, OSError."""
        message = f"{self._name}: preempting to accommodate a higher priority pod"
        condition = self._condition(victim, "DisruptionTarget", "True", "PreemptionByScheduler", message)
        try:
            if condition:
                await self._put_status(victim, {"conditions": [condition]})
            await self._client.delete(POD, victim.key.name, victim.namespace, uid=victim.uid)
        except (NotFound, Conflict):
            log.debug("%s has gone, or is another pod by now", victim.key)
        else:
            self.tell_preempted(victim, preemptor, node)

    def tell_preempted(self, victim: PodInfo, preemptor: PodInfo, node: str, how: str = "") -> None:
        """Say by event for whom a pod has to go."""
        note = f"Preempted by pod {preemptor.uid} on node {node}{how}"
        self._recorder.event(victim.object, NORMAL, "Preempted", note)

    def _condition(self, pod: PodInfo, type_: str, status: str, reason: str, message: str) -> Object | None:
        """The condition to be written; None where the pod has it already."""
        conditions = (pod.object.get("status") or {}).get("conditions") or ()
        old: Object = next((condition for condition in conditions if condition["type"] == type_), {})
        new = {"type": type_, "status": status, "reason": reason, "message": message}
        if generation := pod.object["metadata"].get("generation"):
            new["observedGeneration"] = generation
        if all(old.get(name) == value for name, value in new.items()):
            return None
        changed = format_time(self._clock.now())
        same = old.get("status") == status
        return {
            **new,
            "lastProbeTime": None,
            "lastTransitionTime": old.get("lastTransitionTime", changed) if same else changed,
        }

    async def _patch_status(self, pod: PodInfo, status: dict[str, Any]) -> None:
        try:
            await self._put_status(pod, status)
        except (NotFound, Conflict):
            log.debug("%s has gone, or is another pod by now", pod.key)
        except (APIError, OSError) as error:
            log.warning("cannot write the status of %s: %s", pod.key, error)

    async def _put_status(self, pod: PodInfo, status: dict[str, Any]) -> None:
        patch = {"metadata": {"uid": pod.uid}, "status": status}
        await self._client.patch(POD, pod.key.name, patch, pod.namespace, type="strategic", subresource="status")


def shortened(message: str) -> str:
    """A message that fits into an event."""
    return message if len(message) <= _LONGEST_NOTE else message[: _LONGEST_NOTE - 4] + " ..."
