"""One pod's worker: look, plan, act, report; again after every change. A task per pod, its operations as children.

    observe (runtime.py) -> plan (plan.py) -> operations (start.py, stop.py) -> status (status.py, status_writer.py)

Operations run side by side, at most one per subject; while one runs, plan() does not ask for it again. Whatever ends
one wakes the worker. Made and told of changes by app.py.
"""

import asyncio
import logging
from datetime import datetime

from sampan.kinds.core.pod import KIND as POD
from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.operations import Operations, pod_ip
from sampan.kubelet.plan import Plan, Situation, deadline, plan
from sampan.kubelet.podspec import all_containers, full_name, grace_period, is_finished, uid_of
from sampan.kubelet.probe_metrics import Probed
from sampan.kubelet.probes import Kind as ProbeKind
from sampan.kubelet.probes import Prober
from sampan.kubelet.records import Container, PodRuntime, State
from sampan.kubelet.resize.decision import Wish
from sampan.kubelet.resize.pod_resize import PodResize
from sampan.kubelet.status import Observation, pod_status
from sampan.kubelet.status_writer import StatusWriter
from sampan.kubelet.steadiness import steady_at
from sampan.kubelet.stop import forget_pod, release_resources
from sampan.kubelet.volumes.content import VolumeError
from sampan.machinery.errors import APIError, Conflict, NotFound
from sampan.machinery.meta import Object, is_deleting, parse_time
from sampan.reconcile.waits import first_of

log = logging.getLogger(__name__)

RUNTIME_RETRY = 1.0
SETTLE_TRIES, SETTLE_WAIT = 100, 0.01  # until CRI has taken note of an exit that containerd has announced


class PodWorker:
    """See the module."""

    def __init__(self, context: KubeletContext, pod: Object) -> None:
        self.context = context
        self.uid = uid_of(pod)
        self._pod = pod  # as the informer has it
        self._writer = StatusWriter(context.client, context.clock, pod)
        self._wake = asyncio.Event()
        self._announced: set[str] = set()  # containers that have ended, says containerd
        self.removed = False  # the API has deleted it; only set here
        self._operations = Operations(context, self._wake.set, self._announced.add)
        self._verdict: tuple[str, str] | None = None  # why the kubelet itself failed the pod
        self._told: set[str] = set()  # ended instances whose back-off has been told
        self._released = False
        self._prober = Prober(context.handlers, context.clock, self._wake.set, self._tell_probe, self._count_probe)
        self._adopted = False
        self.resize = PodResize(context, pod, lambda: self.pod)
        self.resize.follow()

    # Called by app.py

    @property
    def pod(self) -> Object:
        """The pod with its newest status."""
        return self._writer.current()

    @property
    def counts(self) -> bool:
        """Whether it is among the pods that share what the node has."""
        return not self.removed and self._verdict is None

    # How it is resized: called by resize/reviews.py

    def allocated(self) -> Object:
        """The pod with what it has been allocated, which is all that the rest of this works with."""
        return self.resize.allocated(self.pod)

    def wish(self) -> Wish | None:
        """What its spec asks for beyond that."""
        return None if is_deleting(self._pod) else self.resize.wish

    def give(self) -> None:
        """It may have that."""
        self.resize.give()
        self._operations.retry_resize()
        self._wake.set()

    def defer(self, message: str) -> None:
        """There is no room for that."""
        if self.resize.defer(message):
            self._wake.set()

    def refuse(self, reason: str, message: str) -> None:
        """There is no room for it here: it has failed, and nothing of it is started. To be called before `run`."""
        self._verdict = (reason, f"Pod was rejected: {message}")
        self.context.tell(self._pod, "Warning", reason, message)

    def update(self, pod: Object) -> None:
        """The pod has changed in the API."""
        shorter = is_deleting(self._pod) and grace_period(pod) < grace_period(self._pod)
        self._pod = pod
        self._writer.rebase(pod)
        self.resize.follow()
        if shorter:
            self._operations.cancel_kills(pod)
        self._wake.set()

    def remove(self) -> None:
        """The API has no such pod any more."""
        self.removed = True
        self._wake.set()

    def container_ended(self, identity: str) -> None:
        """containerd says that a container's process has ended."""
        self._announced.add(identity)
        self._wake.set()

    def wake(self) -> None:
        """Look again."""
        self._wake.set()

    async def run(self) -> None:
        """Work until the pod is gone for good, or until cancelled: then containers go on running."""
        async with asyncio.TaskGroup() as group:
            name = full_name(self._pod)
            helpers = [
                group.create_task(self._writer.run(), name=f"status of {name}"),
                group.create_task(self._refresh_volumes(), name=f"volumes of {name}"),
            ]
            try:
                await self._live(group)
            finally:
                for helper in helpers:
                    helper.cancel()
                self._prober.sync(group, {}, "", stopping=True)
                self._operations.cancel()

    # The loop

    async def _live(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._wake.clear()
            runtime = await self._observe()
            found = self._step(group, runtime)
            if found.stopped and await self._after_stop(runtime):
                return
            await self._sleep_until(found.wake_at)

    def _step(self, group: asyncio.TaskGroup, runtime: PodRuntime) -> Plan:
        pod, now = self.allocated(), self.context.clock.now()
        limit = self._check_deadline(pod, now)
        stopping = self._check_stopping(pod)
        self._adopt_once(pod, runtime)
        self._probe(group, pod, runtime, stopping)
        doing = self._operations
        record, ended = self.resize.record, frozenset(doing.resizing)
        verdicts, failed = self._prober.verdicts, bool(doing.resize_error)
        found = plan(
            Situation(pod, runtime, now, stopping, doing.busy, verdicts, doing.restarts, record, failed, ended)
        )
        self.resize.look(pod, runtime, doing.resize_error, stopping=stopping)
        for action in found.actions:
            doing.launch(group, pod, runtime, action)
        self._tell_backoff(pod, runtime, found)
        if moment := steady_at(pod, runtime, now):
            found.wake(moment)
        elif not self.removed:
            self._report(pod, runtime, now, found)
        if limit is not None:
            found.wake(limit)
        return found

    async def _observe(self) -> PodRuntime:
        """The runtime's state; waits as long as the runtime does not answer."""
        tries = SETTLE_TRIES
        while True:
            try:
                runtime = await self.context.runtime.pod(self.uid)
            except CRIError as error:
                log.warning("%s: the runtime does not answer: %s", full_name(self._pod), error)
                await self.context.clock.sleep(RUNTIME_RETRY)
                continue
            tries -= 1
            alive = {c.id for c in runtime.running()} | {s.id for s in runtime.sandboxes if s.ready}
            if tries == 0 or not self._announced & alive:
                self._announced.clear()
                return runtime
            await self.context.clock.sleep(SETTLE_WAIT)

    def _report(self, pod: Object, runtime: PodRuntime, now: datetime, found: Plan) -> None:
        seen = Observation(
            pod,
            runtime,
            now,
            self.context.config.node_ip,
            {**self._operations.waiting, **found.waiting},
            self._prober.verdicts,
            self._verdict,
            over=found.stopped and is_deleting(pod),
            resize=self.resize.state,
            taken=self.resize.record.containers,
            cgroup=self.resize.record.cgroup,
        )
        status = pod_status(seen)
        self._writer.want(status)
        if status["phase"] in ("Succeeded", "Failed") and not self._operations.halted:
            self._wake.set()  # stop what still runs, sidecars and the sandbox

    def _check_stopping(self, pod: Object) -> bool:
        stopping = self.removed or is_deleting(pod) or is_finished(pod) or self._verdict is not None
        if stopping:
            self._operations.halt()
        return stopping

    def _check_deadline(self, pod: Object, now: datetime) -> datetime | None:
        started = (pod.get("status") or {}).get("startTime")
        limit = deadline(pod, parse_time(started) if started else None)
        if limit is None or self._verdict or is_finished(pod):
            return None
        if now < limit:
            return limit
        message = "Pod was active on the node longer than the specified deadline"
        self._verdict = ("DeadlineExceeded", message)
        self.context.tell(pod, "Normal", "DeadlineExceeded", message)
        return None

    async def _sleep_until(self, moment: datetime | None) -> None:
        """Until woken, or until a moment."""
        if moment is None:
            await self._wake.wait()
            return
        seconds = max((moment - self.context.clock.now()).total_seconds(), 0)
        await first_of(self._wake.wait(), self.context.clock.sleep(seconds))

    async def _refresh_volumes(self) -> None:
        """Bring ConfigMaps, Secrets and tokens in running containers up to date, from time to time."""
        while True:
            await self.context.clock.sleep(self.context.config.sync_interval)
            if self._operations.halted or "sandbox" in self._operations.busy:
                continue
            try:
                await self.context.volumes.prepare(self.allocated())
            except (VolumeError, APIError, OSError) as error:
                self.context.tell(self._pod, "Warning", "FailedMount", str(error))

    # Probes

    def _adopt_once(self, pod: Object, runtime: PodRuntime) -> None:
        """What ran before this process did keeps the readiness that the API knows."""
        if self._adopted:
            return
        self._adopted = True
        status = pod.get("status") or {}
        known = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
        by_id = {entry.get("containerID"): entry for entry in known}
        for container in runtime.running():
            if entry := by_id.get(f"containerd://{container.id}"):
                self._prober.adopt(container.id, started=bool(entry.get("started")), ready=bool(entry.get("ready")))

    def _probe(self, group: asyncio.TaskGroup, pod: Object, runtime: PodRuntime, stopping: bool) -> None:
        running: dict[str, tuple[Object, Container]] = {}
        for spec in all_containers(pod):
            latest = runtime.latest(spec["name"])
            if latest is not None and latest.state is State.RUNNING:
                running[latest.id] = (spec, latest)
        self._prober.sync(group, running, pod_ip(self.context, pod, runtime), stopping)

    def _count_probe(self, kind: ProbeKind, spec: Object, success: bool, seconds: float) -> None:
        meta = self._pod["metadata"]
        probed = Probed(kind.capitalize(), spec["name"], meta["name"], meta["namespace"], self.uid)
        self.context.probe_metrics.count(probed, success=success, seconds=seconds)

    def _tell_probe(self, spec: Object, reason: str, message: str) -> None:
        self.context.tell(self._pod, "Warning", reason, message, spec["name"])

    def _tell_backoff(self, pod: Object, runtime: PodRuntime, found: Plan) -> None:
        self._told &= {container.id for container in runtime.containers}
        for name in found.waiting:
            latest = runtime.latest(name)
            if latest and latest.id not in self._told:
                self._told.add(latest.id)
                message = f"Back-off restarting failed container {name} in pod {full_name(pod)}"
                self.context.tell(pod, "Warning", "BackOff", message, name)

    # The end

    async def _after_stop(self, runtime: PodRuntime) -> bool:
        """Nothing runs any more: release everything; True when the pod is gone from the API too."""
        if not self._released:
            await release_resources(self.context, self._pod)
            self._released = True
        await self._writer.flush()
        pod = self._writer.current()
        if not (self.removed or is_deleting(pod) or self._writer.gone):
            return False
        if not (self.removed or self._writer.gone):
            await self._delete(pod)
        await forget_pod(self.context, pod, runtime)
        self.context.images.forget(self.uid)
        self.context.probe_metrics.forget(self.uid)
        self.context.ledger.forget(self.uid)
        return True

    async def _delete(self, pod: Object) -> None:
        meta = pod["metadata"]
        while True:
            try:
                await self.context.client.delete(POD, meta["name"], meta["namespace"], grace_period=0, uid=self.uid)
                return
            except (NotFound, Conflict):  # gone, or another one of that name
                return
            except (APIError, OSError) as error:
                log.warning("%s could not be deleted: %s", full_name(pod), error)
                await self.context.clock.sleep(RUNTIME_RETRY)
