"""The scheduler: takes pods without a node, one after another, decides, and binds in the background.

    scheduler = Scheduler(client, clock, informers)
    await scheduler.run(ready)          # until cancelled

The life of a pod here: an informer shows it without a node -> queue.py -> `decide` (decision.py, on state.py) ->
assumed to be there -> what it needs is made ready (binding.py) -> bound by effects.py -> the informer shows it with its
node. Or, where nothing fits: preemption.py, a FailedScheduling event and condition, parked in the queue until something
happens that may help.

A decision takes no time on the event loop that others could use to change the state: it sees one consistent cluster.
Which plugins decide is the profile's that the pod names (served.py).
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
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, labels_of
from sampan.reconcile.clock import Clock
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.configuration.configuration import Configuration
from sampan.scheduler.decision import Unschedulable
from sampan.scheduler.effects import SCHEDULER_ERROR, UNSCHEDULABLE
from sampan.scheduler.feed import Feed, Nominations, scheduler_of, waits
from sampan.scheduler.framework import Rejected
from sampan.scheduler.handle import Handle
from sampan.scheduler.owners import Owners
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.preemption import NoPreemption, Preemption, preempt
from sampan.scheduler.queue import SchedulingQueue, Waiting
from sampan.scheduler.served import Served, served
from sampan.scheduler.state import ClusterState
from sampan.scheduler.volumes import Volumes

log = logging.getLogger(__name__)

_WRITERS = 100  # pods whose outcome is being written at once


class Scheduler:
    """For the pods that name one of its profiles. Without `informers` it runs its own."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        informers: Informers | None = None,
        *,
        configuration: Configuration | None = None,
        chance: Random | None = None,
    ) -> None:
        configuration = configuration or Configuration()
        self.state = ClusterState()
        self.queue = SchedulingQueue(clock, configuration.first_back_off, configuration.longest_back_off)
        self._runs_informers = informers is None
        self._informers = informers = informers or Informers(client, sleep=clock.sleep)
        self._followed: list[Informer] = []
        self._pods, self._nodes, self._namespaces = (self._follow(kind) for kind in (POD, NODE, NAMESPACE))
        owners = Owners(self._follow)
        volumes = Volumes(self._follow, self.queue.happened)
        handle = Handle(client, clock, volumes, owners.selector, self._namespace_labels)
        self._served = served(configuration, handle, self.state, chance or Random())
        self._nominated: Nominations = {}
        self._making_ready: dict[Key, asyncio.Future[None]] = {}
        self._writing = asyncio.Semaphore(_WRITERS)
        self._feed = Feed(self.state, self.queue, self._nominated, self._wants, self._stop_waiting)
        self._nodes.on_change(self._feed.node_changed)
        self._pods.on_change(self._feed.pod_changed)

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Schedule until cancelled; `ready` is set when all is listed and scheduling begins."""
        async with asyncio.TaskGroup() as group:
            if self._runs_informers:
                self._informers.run(group)
            group.create_task(self.queue.run(), name="scheduling queue")
            for one in self._served.values():
                group.create_task(one.recorder.run(), name=f"events of {one.name}")
            for informer in self._followed:
                await informer.synced()
            if ready is not None:
                ready.set()
            while True:
                await self._writing.acquire()
                waiting = await self.queue.pop()
                group.create_task(self._write(self._schedule(waiting)), name=f"schedule {waiting.pod.key}")
                await asyncio.sleep(0)  # the queue may be long: let writers and informers have their turn

    def _follow(self, kind: Kind) -> Informer:
        self._followed.append(self._informers.of(kind))
        return self._followed[-1]

    # One pod

    def _schedule(self, waiting: Waiting) -> Coroutine[Any, Any, None]:
        """Decide, at once, and return what remains to be written."""
        pod, by = waiting.pod, self._by(waiting.pod)
        try:
            # Room that was made for pods at least as important is not given away.
            promised = [p for p in self._nominated.values() if p[0].priority >= pod.priority and p[0].key != pod.key]
            with self.state.simulate(there=promised):
                outcome = self._decide(pod, by)
                remedy = self._remedy(pod, by, outcome) if isinstance(outcome, Unschedulable) else NoPreemption("")
        except Exception as error:
            log.exception("scheduling %s failed", pod.key)
            self.queue.retry(waiting)
            return by.effects.report_failure(pod, SCHEDULER_ERROR, f"running the plugins: {error!r}")
        if isinstance(outcome, Unschedulable):
            return self._reject(waiting, outcome, remedy)
        try:
            by.cycle.reserve(pod, self.state.assume(pod, outcome))
        except Rejected as error:
            return self._fail(waiting, str(error))
        self._nominated.pop(pod.key, None)
        return self._bind(waiting, outcome)

    async def _write(self, writing: Coroutine[Any, Any, None]) -> None:
        try:
            await writing
        finally:
            self._writing.release()

    def _by(self, pod: PodInfo) -> Served:
        """Whom the pod asks."""
        return self._served[scheduler_of(pod.object)]

    def _decide(self, pod: PodInfo, by: Served) -> str | Unschedulable:
        """The node that was promised to the pod, if it fits there, else the best."""
        nominated = self._nomination(pod)
        node = self.state.node(nominated)
        if node is not None and by.decider.fits(pod, node):
            return nominated
        return by.decider.decide(pod)

    def _remedy(self, pod: PodInfo, by: Served, failure: Unschedulable) -> Preemption | NoPreemption:
        if not failure.nodes or not by.profile.preempts:
            return NoPreemption("")
        return preempt(pod, failure, self.state, by.decider, self._nomination(pod))

    def _nomination(self, pod: PodInfo) -> str:
        return self._nominated.get(pod.key, (pod, ""))[1]

    async def _bind(self, waiting: Waiting, node: str) -> None:
        pod, by = waiting.pod, self._by(waiting.pod)
        try:
            if not by.cycle.is_quick(pod) and not await self._make_ready(pod, by, node):
                return
            await by.effects.bind(pod, node)
        except Rejected as error:
            await self._fail(waiting, str(error))
        except (APIError, OSError) as error:
            await self._fail(waiting, f'binding rejected: running Bind plugin "DefaultBinder": {error}')
        else:
            by.cycle.done(pod, node)

    async def _make_ready(self, pod: PodInfo, by: Served, node: str) -> bool:
        """Wait, in nobody's way, for what the pod needs; false where it has gone meanwhile. Raises Rejected."""
        self._writing.release()
        getting_ready = self._making_ready[pod.key] = asyncio.ensure_future(by.cycle.make_ready(pod, node))
        try:
            await asyncio.wait([getting_ready])
        finally:
            getting_ready.cancel()
            del self._making_ready[pod.key]
            await self._writing.acquire()
        if getting_ready.cancelled():
            by.cycle.undo(pod)
            return False
        getting_ready.result()
        return True

    async def _fail(self, waiting: Waiting, message: str) -> None:
        """Undo, tell, and try again later."""
        by = self._by(waiting.pod)
        by.cycle.undo(waiting.pod)
        self._unassume(waiting.pod.key)
        if pod := self._still_pending(waiting.pod):
            waiting.pod = pod
            self.queue.retry(waiting)
            await by.effects.report_failure(pod, SCHEDULER_ERROR, message)

    def _reject(
        self, waiting: Waiting, failure: Unschedulable, remedy: Preemption | NoPreemption
    ) -> Coroutine[Any, Any, None]:
        pod, by = waiting.pod, self._by(waiting.pod)
        self.queue.park(waiting, by.profile.events_for(failure.plugins))
        if isinstance(remedy, Preemption):
            self._nominated[pod.key] = (pod, remedy.node)
            return self._preempt(pod, by, failure, remedy)
        if not remedy.nominated:
            self._nominated.pop(pod.key, None)
        message = f"{failure.message()} {remedy.message}".rstrip()
        return by.effects.report_failure(pod, UNSCHEDULABLE, message, self._nomination(pod))

    async def _preempt(self, pod: PodInfo, by: Served, failure: Unschedulable, remedy: Preemption) -> None:
        await by.effects.report_failure(pod, UNSCHEDULABLE, failure.message(), remedy.node)
        await by.effects.evict(remedy.victims, pod, remedy.node)

    def _unassume(self, key: Key) -> None:
        if self.state.is_assumed(key):
            self.state.remove_pod(key)
            self.queue.happened({ClusterEvent.POD_REMOVE})

    def _still_pending(self, pod: PodInfo) -> PodInfo | None:
        """The pod as it is now, if it is the same one and waits for a node from here."""
        now = self._pods.get(pod.key)
        same = now is not None and now["metadata"].get("uid") == pod.uid
        return PodInfo(now) if now is not None and same and waits(now, self._served) else None

    def _wants(self, pod: Object) -> PodInfo | None:
        """A pod that waits for a node from here, if it may have one now."""
        info = PodInfo(pod) if waits(pod, self._served) else None
        held = info is not None and any(plugin.holds(info) for plugin in self._by(info).profile.pre_enqueues)
        return None if held else info

    def _stop_waiting(self, key: Key) -> None:
        """The pod has gone: nothing needs to be made ready for it."""
        if getting_ready := self._making_ready.get(key):
            getting_ready.cancel()

    def _namespace_labels(self, name: str) -> Mapping[str, str]:
        namespace = self._namespaces.get(Key("", name))
        return labels_of(namespace) if namespace else {}
