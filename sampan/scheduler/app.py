"""The scheduler: takes pods without a node, one after another, decides, and binds in the background.

    scheduler = Scheduler(client, clock, informers)
    await scheduler.run(ready)          # until cancelled

The life of a pod here: an informer shows it without a node -> queue.py -> `decide` (decision.py, on state.py) ->
assumed to be there -> bound by effects.py -> the informer shows it with its node. Or, where nothing fits:
preemption.py, a FailedScheduling event and condition, parked in the queue until something happens that may help.

A decision takes no time on the event loop that others could use to change the state: it sees one consistent cluster.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from random import Random
from typing import Any

from sampan.client.api import Client
from sampan.client.informer import Informer, Informers
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Key, Object, is_deleting, key_of, labels_of
from sampan.reconcile.clock import Clock
from sampan.reconcile.events import EventRecorder
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.decision import Decider, Unschedulable
from sampan.scheduler.effects import SCHEDULER_ERROR, UNSCHEDULABLE, Effects
from sampan.scheduler.owners import Owners
from sampan.scheduler.pod_info import PodInfo, is_finished
from sampan.scheduler.preemption import NoPreemption, Preemption, preempt
from sampan.scheduler.profile import default_profile
from sampan.scheduler.queue import SchedulingQueue, Waiting
from sampan.scheduler.state import ClusterState

log = logging.getLogger(__name__)

DEFAULT_NAME = "default-scheduler"
_WRITERS = 100  # pods whose outcome is being written at once


class Scheduler:
    """One scheduler for the pods that name it. Without `informers` it runs its own."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        informers: Informers | None = None,
        *,
        name: str = DEFAULT_NAME,
        chance: Random | None = None,
    ) -> None:
        self.name = name
        self.state = ClusterState()
        self.queue = SchedulingQueue(clock)
        self._runs_informers = informers is None
        self._informers = informers = informers or Informers(client, sleep=clock.sleep)
        self._recorder = EventRecorder(client, name, clock)
        self._effects = Effects(client, self._recorder, clock, name)
        self._pods, self._nodes, self._namespaces = (informers.of(kind) for kind in (POD, NODE, NAMESPACE))
        owners = Owners(informers)
        self._followed: list[Informer] = [self._pods, self._nodes, self._namespaces, *owners.informers]
        self._profile = default_profile(owners.selector, self._namespace_labels)
        self._decider = Decider(self.state, self._profile, chance or Random())
        self._nominated: dict[Key, tuple[PodInfo, str]] = {}
        self._writing = asyncio.Semaphore(_WRITERS)
        self._nodes.on_change(self._node_changed)
        self._pods.on_change(self._pod_changed)

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Schedule until cancelled; `ready` is set when all is listed and scheduling begins."""
        async with asyncio.TaskGroup() as group:
            if self._runs_informers:
                self._informers.run(group)
            group.create_task(self.queue.run(), name="scheduling queue")
            group.create_task(self._recorder.run(), name="scheduler events")
            for informer in self._followed:
                await informer.synced()
            if ready is not None:
                ready.set()
            while True:
                await self._writing.acquire()
                waiting = await self.queue.pop()
                group.create_task(self._write(self._schedule(waiting)), name=f"schedule {waiting.pod.key}")
                await asyncio.sleep(0)  # the queue may be long: let writers and informers have their turn

    # One pod

    def _schedule(self, waiting: Waiting) -> Coroutine[Any, Any, None]:
        """Decide, at once, and return what remains to be written."""
        pod = waiting.pod
        try:
            # Room that was made for pods at least as important is not given away.
            promised = [p for p in self._nominated.values() if p[0].priority >= pod.priority and p[0].key != pod.key]
            with self.state.simulate(there=promised):
                outcome = self._decide(pod)
                remedy = self._remedy(pod, outcome) if isinstance(outcome, Unschedulable) else NoPreemption("")
        except Exception as error:
            log.exception("scheduling %s failed", pod.key)
            self.queue.retry(waiting)
            return self._effects.report_failure(pod, SCHEDULER_ERROR, f"running the plugins: {error!r}")
        if isinstance(outcome, Unschedulable):
            return self._reject(waiting, outcome, remedy)
        self.state.assume(pod, outcome)
        self._nominated.pop(pod.key, None)
        return self._bind(waiting, outcome)

    async def _write(self, writing: Coroutine[Any, Any, None]) -> None:
        try:
            await writing
        finally:
            self._writing.release()

    def _decide(self, pod: PodInfo) -> str | Unschedulable:
        """The node that was promised to the pod, if it fits there, else the best."""
        nominated = self._nomination(pod)
        node = self.state.node(nominated)
        if node is not None and self._decider.fits(pod, node):
            return nominated
        return self._decider.decide(pod)

    def _remedy(self, pod: PodInfo, failure: Unschedulable) -> Preemption | NoPreemption:
        if not failure.nodes:
            return NoPreemption("")
        return preempt(pod, failure, self.state, self._decider, self._nomination(pod))

    def _nomination(self, pod: PodInfo) -> str:
        return self._nominated.get(pod.key, (pod, ""))[1]

    async def _bind(self, waiting: Waiting, node: str) -> None:
        try:
            await self._effects.bind(waiting.pod, node)
        except (APIError, OSError) as error:
            self._unassume(waiting.pod.key)
            if pod := self._still_pending(waiting.pod):
                waiting.pod = pod
                self.queue.retry(waiting)
                message = f'binding rejected: running Bind plugin "DefaultBinder": {error}'
                await self._effects.report_failure(pod, SCHEDULER_ERROR, message)

    def _reject(
        self, waiting: Waiting, failure: Unschedulable, remedy: Preemption | NoPreemption
    ) -> Coroutine[Any, Any, None]:
        pod = waiting.pod
        self.queue.park(waiting, self._profile.events_for(failure.plugins))
        if isinstance(remedy, Preemption):
            self._nominated[pod.key] = (pod, remedy.node)
            return self._preempt(pod, failure, remedy)
        if not remedy.nominated:
            self._nominated.pop(pod.key, None)
        message = f"{failure.message()} {remedy.message}".rstrip()
        return self._effects.report_failure(pod, UNSCHEDULABLE, message, self._nomination(pod))

    async def _preempt(self, pod: PodInfo, failure: Unschedulable, remedy: Preemption) -> None:
        await self._effects.report_failure(pod, UNSCHEDULABLE, failure.message(), remedy.node)
        await self._effects.evict(remedy.victims, pod, remedy.node)

    def _unassume(self, key: Key) -> None:
        if self.state.is_assumed(key):
            self.state.remove_pod(key)
            self.queue.happened({ClusterEvent.POD_REMOVE})

    def _still_pending(self, pod: PodInfo) -> PodInfo | None:
        """The pod as it is now, if it is the same one and waits for a node from here."""
        now = self._pods.get(pod.key)
        same = now is not None and now["metadata"].get("uid") == pod.uid
        return PodInfo(now) if now is not None and same and self._is_mine(now) else None

    # What the informers show

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        changes = set()
        if new is not None:
            changes = self.state.put_node(new)
        elif old is not None:
            self.state.remove_node(old["metadata"]["name"])
            changes = {ClusterEvent.NODE_REMOVE}
        if changes:
            self.queue.happened(changes)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None or is_finished(new):
            self._pod_left(key_of(new or old or {}))
        elif new["spec"].get("nodeName"):
            self._pod_assigned(old, new)
        elif not self._is_mine(new):
            self.queue.remove(key_of(new))
        elif not self.state.is_assumed(key_of(new)):
            self._pod_pending(old, new)

    def _pod_pending(self, old: Object | None, new: Object) -> None:
        pod = PodInfo(new)
        if old is None and (nominated := (new.get("status") or {}).get("nominatedNodeName")):
            self._nominated[pod.key] = (pod, nominated)  # by the scheduler that was here before
        if old is None or pod.key not in self.queue or _wants(old) != _wants(new):
            self.queue.add(pod)
        else:
            self.queue.refresh(pod)

    def _pod_assigned(self, old: Object | None, new: Object) -> None:
        key, place = key_of(new), new["spec"]["nodeName"]
        was_there = self.state.place_of(key) == place and not self.state.is_assumed(key)
        if was_there and old is not None and _wants(old) == _wants(new):
            self.state.refresh_pod(new)
            return
        self.queue.remove(key)
        self._nominated.pop(key, None)
        self.state.put_pod(PodInfo(new), place)
        if not was_there:
            self.queue.happened({ClusterEvent.POD_ADD})
        elif old is not None and labels_of(old) != labels_of(new):
            self.queue.happened({ClusterEvent.POD_LABELS})

    def _pod_left(self, key: Key) -> None:
        self.queue.remove(key)
        self._nominated.pop(key, None)
        if self.state.remove_pod(key):
            self.queue.happened({ClusterEvent.POD_REMOVE})

    def _is_mine(self, pod: Object) -> bool:
        """Whether it waits for a node from this scheduler, and may have one now."""
        spec, meta = pod["spec"], pod["metadata"]
        if spec.get("nodeName") or meta.get("deletionTimestamp") or spec.get("schedulingGates"):
            return False
        return (spec.get("schedulerName") or DEFAULT_NAME) == self.name

    def _namespace_labels(self, name: str) -> Mapping[str, str]:
        namespace = self._namespaces.get(Key("", name))
        return labels_of(namespace) if namespace else {}


def _wants(pod: Object) -> tuple[object, ...]:
    """What of a pod matters to its placement, and to that of others."""
    return pod["spec"], labels_of(pod), is_deleting(pod)
