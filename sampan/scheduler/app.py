"""The scheduler: takes pods without a node, one after another, decides, and binds in the background.

    scheduler = Scheduler(client, clock, informers)
    await scheduler.run(ready)          # until cancelled

The life of a pod here: an informer shows it without a node -> queue.py -> `decide` (decision.py, on state.py) ->
assumed to be there -> what it needs is made ready (binding.py) -> bound by effects.py -> the informer shows it with its
node. Or, where nothing fits: preemption.py, a FailedScheduling event and condition, parked in the queue until something
happens that may help.

A decision takes no time on the event loop that others could use to change the state: it sees one consistent cluster.
Only where servers outside have a say it is one of several steps (extenders/deciding.py).
Which plugins decide is the profile's that the pod names (served.py).
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
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
from sampan.scheduler.budgets import Budgets
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.configuration.configuration import Configuration
from sampan.scheduler.decision import Unschedulable
from sampan.scheduler.devices.store import Devices
from sampan.scheduler.dry_run import Preemption
from sampan.scheduler.effects import SCHEDULER_ERROR, UNSCHEDULABLE
from sampan.scheduler.evictions import Evictions
from sampan.scheduler.extenders.deciding import decide
from sampan.scheduler.extenders.extenders import Extenders
from sampan.scheduler.extenders.wire import ExtenderError
from sampan.scheduler.feed import Feed, asks_alike, scheduler_of, waits
from sampan.scheduler.framework import PluginError, Rejected, Unfinished
from sampan.scheduler.handle import Handle
from sampan.scheduler.making_ready import MakingReady
from sampan.scheduler.nominations import Nominations
from sampan.scheduler.owners import Owners
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.preemption import NoPreemption
from sampan.scheduler.queue import SchedulingQueue, Waiting
from sampan.scheduler.served import Served, Shared, served
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
        devices = Devices(self._follow, self.queue.happened, lambda pod: self._feed.pod_changed(pod, pod))
        handle = Handle(client, clock, volumes, devices, owners.selector, self._namespace_labels)
        self._nominated = Nominations(self._room_freed)
        self._extenders = Extenders(configuration.extenders, lambda name: self._nodes.get(Key("", name)))
        shared = Shared(self.state, self._nominated, Budgets(self._follow), chance or Random(), self._extenders)
        self._served = served(configuration, handle, shared)
        self._making_ready = MakingReady()
        self._evictions = Evictions(self.queue, self._nominated, self._making_ready.interrupt)
        self._writing = asyncio.Semaphore(_WRITERS)
        left = self._making_ready.stop
        self._feed = Feed(self.state, self.queue, self._nominated, self._wants, self._holds, left)
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
            try:
                while True:
                    await self._writing.acquire()
                    waiting = await self.queue.pop()
                    writing = await self._schedule(waiting)
                    group.create_task(self._write(writing), name=f"schedule {waiting.pod.key}")
                    await asyncio.sleep(0)  # the queue may be long: let writers and informers have their turn
            finally:
                await self._extenders.close()

    def _follow(self, kind: Kind) -> Informer:
        self._followed.append(self._informers.of(kind))
        return self._followed[-1]

    # One pod

    async def _schedule(self, waiting: Waiting) -> Coroutine[Any, Any, None]:
        """Decide, and return what remains to be written. No other pod is decided meanwhile.

        At once, but for looking ahead, for extenders that have a say, and for the search for whom to preempt.
        """
        by = self._by(waiting.pod)
        try:
            if self._is_long(waiting.pod, by) and not await self._look_ahead(waiting, by):
                return _nothing()
            pod = waiting.pod
            asks = self._extenders.decide_about(pod)
            outcome = await self._ask(waiting, by) if asks else await self._decide_in_turns(waiting, by)
            if outcome is None:
                return _nothing()
            if isinstance(outcome, Unschedulable):
                return await self._reject(waiting, by, outcome)
            pod = waiting.pod
        except (ExtenderError, PluginError) as error:
            return self._give_up(waiting, by, str(error))
        except Exception as error:
            log.exception("scheduling %s failed", waiting.pod.key)
            return self._give_up(waiting, by, f"running the plugins: {error!r}")
        self.queue.take_back(waiting)
        try:
            by.cycle.reserve(pod, self.state.assume(pod, outcome))
        except Rejected as error:
            return self._fail(waiting, str(error))
        self._nominated.drop(pod.key, assigned=outcome)
        return self._bind(waiting, outcome)

    def _is_long(self, pod: PodInfo, by: Served) -> bool:
        """Whether a decision would take too long without looking ahead."""
        return by.decider.is_new(pod) or any(plugin.lacks(pod) for plugin in by.profile.look_aheads)

    async def _look_ahead(self, waiting: Waiting, by: Served) -> bool:
        """Find out what takes long, as of the first pod of its kind; False where it has gone meanwhile."""
        self.queue.park(waiting, frozenset())
        self.queue.hold(waiting)
        if by.decider.is_new(waiting.pod):
            await by.decider.look_ahead(waiting.pod)
        for plugin in by.profile.look_aheads:
            if plugin.lacks(waiting.pod):
                await plugin.look_ahead(waiting.pod)
        return self.queue.take_back(waiting)

    async def _write(self, writing: Coroutine[Any, Any, None]) -> None:
        try:
            await writing
        finally:
            self._writing.release()

    def _by(self, pod: PodInfo) -> Served:
        """Whom the pod asks."""
        return self._served[scheduler_of(pod.object)]

    async def _decide_in_turns(self, waiting: Waiting, by: Served) -> str | Unschedulable | None:
        """As `_decide`, which may take more than one turn; None where the pod has gone meanwhile."""
        while True:
            try:
                return self._decide(waiting.pod, by)
            except Unfinished:
                self.queue.hold_undecided(waiting)
                await asyncio.sleep(0)
                if not self.queue.take_back(waiting):
                    return None

    def _decide(self, pod: PodInfo, by: Served) -> str | Unschedulable:
        """The node that was promised to the pod, if it fits there, else the best."""
        node = self.state.node(self._nominated.node_of(pod))
        if node is not None and by.decider.fits(pod, node):
            return node.name
        return by.decider.decide(pod)

    async def _ask(self, waiting: Waiting, by: Served) -> str | Unschedulable | None:
        """As `_decide`, with the extenders; None where the pod has gone meanwhile, or asks for something else."""
        pod = waiting.pod
        self.queue.hold_undecided(waiting)
        outcome = await decide(pod, by.decider, self._extenders, self.state.node(self._nominated.node_of(pod)))
        if asks_alike(waiting.pod.object, pod.object) and self.queue.is_held(waiting):
            return outcome
        self.queue.release(waiting, again=True)
        return None

    async def _bind(self, waiting: Waiting, node: str) -> None:
        pod, by = waiting.pod, self._by(waiting.pod)
        try:
            if not by.cycle.is_quick(pod) and not await self._make_ready(pod, by, node):
                return
            if await self._extenders.bind(pod, node):
                by.effects.tell_bound(pod, node)
            else:
                await by.effects.bind(pod, node)
        except ExtenderError as error:
            await self._fail(waiting, f"binding rejected: {error}")
        except Rejected as error:
            await self._fail(waiting, str(error))
        except (APIError, OSError) as error:
            await self._fail(waiting, f'binding rejected: running Bind plugin "DefaultBinder": {error}')
        else:
            by.cycle.done(pod, node)

    async def _make_ready(self, pod: PodInfo, by: Served, node: str) -> bool:
        """Wait, in nobody's way, for what the pod needs; false where it has gone meanwhile. Raises Rejected."""
        self._writing.release()
        try:
            is_ready = await self._making_ready.wait(pod, self._announce_and_make_ready(pod, by, node))
        finally:
            await self._writing.acquire()
        if not is_ready:
            by.cycle.undo(pod)
        return is_ready

    async def _announce_and_make_ready(self, pod: PodInfo, by: Served, node: str) -> None:
        """As this may take long, let everybody know where the pod is going to be (KEP-5278)."""
        if (pod.object.get("status") or {}).get("nominatedNodeName") != node:
            await by.effects.nominate(pod, node)
        await by.cycle.make_ready(pod, node)

    def _give_up(self, waiting: Waiting, by: Served, message: str) -> Coroutine[Any, Any, None]:
        """An error before there was a node: try again later, if the pod is still there."""
        if waiting.held and not self.queue.is_held(waiting):
            return _nothing()
        self._nominated.put(waiting.pod, "")
        self.queue.retry(waiting)
        return by.effects.report_failure(waiting.pod, SCHEDULER_ERROR, message, "")

    async def _fail(self, waiting: Waiting, message: str) -> None:
        """Undo, tell, and try again later."""
        by = self._by(waiting.pod)
        by.cycle.undo(waiting.pod)
        self._unassume(waiting.pod.key)
        if pod := self._still_pending(waiting.pod):
            waiting.pod = pod
            self._nominated.put(pod, "")
            self.queue.retry(waiting)
            await by.effects.report_failure(pod, SCHEDULER_ERROR, message, "")

    async def _reject(self, waiting: Waiting, by: Served, failure: Unschedulable) -> Coroutine[Any, Any, None]:
        """See whether preemption helps. The pod is held meanwhile: others have their turn, and it may go."""
        self.queue.park(waiting, by.profile.events_for(failure.plugins))
        self.queue.hold(waiting)
        done = await self._post_filter(waiting.pod, by) if failure.nodes else ""
        preempts = failure.nodes and by.profile.preempts
        remedy = await by.preemptor.find(waiting.pod, failure) if preempts else NoPreemption("")
        if not self.queue.is_held(waiting):
            return _nothing()
        pod = waiting.pod
        message = f"{failure.message()} {', '.join(filter(None, (done, remedy.message)))}".rstrip()
        if isinstance(remedy, Preemption):
            return self._preempt(waiting, by, remedy, message, self._evictions.plan(pod, remedy))
        if not remedy.nominated:
            self._nominated.put(pod, "")
        self.queue.release(waiting)
        return by.effects.report_failure(pod, UNSCHEDULABLE, message, self._nominated.node_of(pod))

    async def _post_filter(self, pod: PodInfo, by: Served) -> str:
        """What plugins do for a pod that no node can take, beside preemption; errors are told."""
        try:
            return ", ".join([said for plugin in by.profile.post_filters if (said := await plugin.post_filter(pod))])
        except (APIError, OSError) as error:
            return str(error)

    async def _preempt(
        self, waiting: Waiting, by: Served, remedy: Preemption, message: str, pushed_out: Sequence[PodInfo]
    ) -> None:
        await by.effects.report_failure(waiting.pod, UNSCHEDULABLE, message, remedy.node)
        await self._evictions.carry_out(waiting, remedy, pushed_out, by.effects)

    def _unassume(self, key: Key) -> None:
        if self.state.is_assumed(key):
            self.state.remove_pod(key)
            self.queue.happened({ClusterEvent.POD_REMOVE})

    def _still_pending(self, pod: PodInfo) -> PodInfo | None:
        """The pod as it is now, if it is the same one and waits for a node from here."""
        now = self._pods.get(pod.key)
        same = now is not None and now["metadata"].get("uid") == pod.uid
        return self._wants(now) if now is not None and same else None

    def _wants(self, pod: Object) -> PodInfo | None:
        """A pod that waits for a node from here."""
        return PodInfo(pod) if waits(pod, self._served) else None

    def _holds(self, pod: PodInfo) -> bool:
        """Whether it may not have one yet."""
        return any(plugin.holds(pod) for plugin in self._by(pod).profile.pre_enqueues)

    def _room_freed(self, pod: PodInfo) -> None:
        """Room that was kept for a pod is there for others that had to leave it alone."""
        self.queue.happened(
            {ClusterEvent.POD_REMOVE}, lambda other: other.priority <= pod.priority and other.key != pod.key
        )

    def _namespace_labels(self, name: str) -> Mapping[str, str]:
        namespace = self._namespaces.get(Key("", name))
        return labels_of(namespace) if namespace else {}


async def _nothing() -> None:
    """Of a pod that has gone while others had their turn, nothing is to be written."""
