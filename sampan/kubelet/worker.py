"""One pod's worker: look, plan, act, report; again after every change. A task per pod, its operations as children.

    observe (runtime.py) -> plan (plan.py) -> operations (start.py, stop.py) -> status (status.py, status_writer.py)

Operations run side by side, at most one per subject; while one runs, plan() does not ask for it again. Whatever ends
one wakes the worker. Made and told of changes by app.py.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from sampan.kinds.core.pod import KIND as POD
from sampan.kubelet import cgroups
from sampan.kubelet.backoff import RestartBackoff
from sampan.kubelet.cri import CRIError
from sampan.kubelet.plan import (
    Action,
    KillContainer,
    Plan,
    RemoveContainer,
    Situation,
    StartContainer,
    StartSandbox,
    StopSandbox,
    backoff_key,
    deadline,
    plan,
    subject,
)
from sampan.kubelet.podspec import all_containers, full_name, grace_period, is_finished, uid_of
from sampan.kubelet.probes import Prober
from sampan.kubelet.resources import cgroup_parent, pod_limits
from sampan.kubelet.runtime import Container, PodRuntime, State
from sampan.kubelet.sandbox_config import sandbox_config
from sampan.kubelet.services import Services
from sampan.kubelet.start import Start, StartError
from sampan.kubelet.status import Observation, pod_status
from sampan.kubelet.status_writer import StatusWriter
from sampan.kubelet.stop import MIN_GRACE, end_container, forget_pod, release_resources
from sampan.kubelet.volumes.content import VolumeError
from sampan.machinery.errors import APIError, Conflict, NotFound
from sampan.machinery.meta import Object, is_deleting, parse_time

log = logging.getLogger(__name__)

T = TypeVar("T")

RUNTIME_RETRY = 1.0
START_RETRY = {"ErrImagePull": 3.0, "CreateContainerConfigError": 5.0}  # then ImagePullBackOff shows, as upstream
DEFAULT_RETRY = 10.0
SETUP_RETRY = (0.5, 122.0)  # volumes and sandboxes: first and longest wait
SETTLE_TRIES, SETTLE_WAIT = 100, 0.01  # until CRI has taken note of an exit that containerd has announced


class Halted(Exception):
    """The pod is to stop, so what was waited for is of no use any more."""


class PodWorker:
    """See the module."""

    def __init__(self, at: Services, pod: Object) -> None:
        self.at = at
        self.uid = uid_of(pod)
        self._pod = pod  # as the informer has it
        self._writer = StatusWriter(at.client, at.clock, pod)
        self._wake = asyncio.Event()
        self._halt = asyncio.Event()  # set once the pod is stopping
        self._removed = False  # the API has deleted it
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, tuple[str, str]] = {}  # why a container is not running, by its name
        self._restarts = RestartBackoff()
        self._verdict: tuple[str, str] | None = None  # why the kubelet itself failed the pod
        self._stopping_since: float | None = None
        self._announced: set[str] = set()  # containers that have ended, says containerd
        self._told: set[str] = set()  # ended instances whose back-off has been told
        self._released = False
        self._prober = Prober(at.cri, at.clock, self._wake.set, self._tell_unhealthy)
        self._adopted = False

    # Called by app.py

    @property
    def pod(self) -> Object:
        """The pod with its newest status."""
        return self._writer.current()

    def update(self, pod: Object) -> None:
        """The pod has changed in the API."""
        shorter = is_deleting(self._pod) and grace_period(pod) < grace_period(self._pod)
        self._pod = pod
        self._writer.rebase(pod)
        if shorter:
            self._cancel_kills()
        self._wake.set()

    def remove(self) -> None:
        """The API has no such pod any more."""
        self._removed = True
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
            writing = group.create_task(self._writer.run(), name=f"status of {full_name(self._pod)}")
            try:
                await self._live(group)
            finally:
                writing.cancel()
                self._prober.sync(group, {}, "", stopping=True)
                for task in self._operations.values():
                    task.cancel()

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
        pod, now = self._writer.current(), self.at.clock.now()
        limit = self._check_deadline(pod, now)
        stopping = self._check_stopping(pod)
        self._adopt_once(pod, runtime)
        self._probe(group, pod, runtime, stopping)
        busy = frozenset(self._operations)
        found = plan(Situation(pod, runtime, now, stopping, busy, self._prober.verdicts, self._restarts))
        for action in found.actions:
            self._launch(group, pod, runtime, action)
        self._tell_backoff(pod, runtime, found)
        if not (self._removed or (found.stopped and self._released)):
            self._report(pod, runtime, now, found)
        if limit is not None:
            found.wake(limit)
        return found

    async def _observe(self) -> PodRuntime:
        """The runtime's state; waits as long as the runtime does not answer."""
        tries = SETTLE_TRIES
        while True:
            try:
                runtime = await self.at.runtime.pod(self.uid)
            except CRIError as error:
                log.warning("%s: the runtime does not answer: %s", full_name(self._pod), error)
                await self.at.clock.sleep(RUNTIME_RETRY)
                continue
            tries -= 1
            if tries == 0 or not self._announced & {container.id for container in runtime.running()}:
                self._announced.clear()
                return runtime
            await self.at.clock.sleep(SETTLE_WAIT)

    def _report(self, pod: Object, runtime: PodRuntime, now: datetime, found: Plan) -> None:
        seen = Observation(
            pod,
            runtime,
            now,
            self.at.config.node_ip,
            {**self._waiting, **found.waiting},
            self._prober.verdicts,
            self._verdict,
        )
        status = pod_status(seen)
        self._writer.want(status)
        if status["phase"] in ("Succeeded", "Failed") and not self._halt.is_set():
            self._wake.set()  # stop what still runs, sidecars and the sandbox

    def _check_stopping(self, pod: Object) -> bool:
        stopping = self._removed or is_deleting(pod) or is_finished(pod) or self._verdict is not None
        if stopping and self._stopping_since is None:
            self._stopping_since = self.at.clock.monotonic()
            self._halt.set()
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
        self.at.tell(pod, "Normal", "DeadlineExceeded", message)
        return None

    async def _sleep_until(self, moment: datetime | None) -> None:
        """Until woken, until a moment, or until it is time to look at what has no events."""
        seconds = self.at.config.sync_interval
        if moment is not None:
            seconds = min(seconds, max((moment - self.at.clock.now()).total_seconds(), 0))
        await _first(self._wake.wait(), self.at.clock.sleep(seconds))

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
        self._prober.sync(group, running, self._pod_ip(runtime), stopping)

    def _pod_ip(self, runtime: PodRuntime) -> str:
        if self._pod["spec"].get("hostNetwork"):
            return self.at.config.node_ip
        return next(iter(runtime.sandbox.ips), "") if runtime.sandbox else ""

    def _tell_unhealthy(self, spec: Object, message: str) -> None:
        self.at.tell(self._pod, "Warning", "Unhealthy", message, spec["name"])

    def _tell_backoff(self, pod: Object, runtime: PodRuntime, found: Plan) -> None:
        for name in found.waiting:
            latest = runtime.latest(name)
            if latest and latest.id not in self._told:
                self._told.add(latest.id)
                message = f"Back-off restarting failed container {name} in pod {full_name(pod)}"
                self.at.tell(pod, "Warning", "BackOff", message, name)

    # Operations

    def _launch(self, group: asyncio.TaskGroup, pod: Object, runtime: PodRuntime, action: Action) -> None:
        match action:
            case StartSandbox():
                doing = self._start_sandbox(pod, runtime, action)
            case StartContainer():
                doing = self._start_container(pod, runtime, action)
            case KillContainer():
                doing = self._kill(pod, runtime, action)
            case StopSandbox():
                doing = self.at.cri.stop_sandbox(action.id)
            case RemoveContainer():
                doing = self.at.cri.remove_container(action.id)
        key = subject(action)
        self._operations[key] = group.create_task(self._operate(key, doing), name=f"{key} of {full_name(pod)}")

    async def _operate(self, key: str, doing: Coroutine[Any, Any, None]) -> None:
        """Run an operation; whatever becomes of it, the worker looks again."""
        try:
            await doing
        except Halted:
            log.debug("%s of %s was given up: the pod stops", key, full_name(self._pod))
        except CRIError as error:
            log.warning("%s of %s: %s", key, full_name(self._pod), error)
            await self.at.clock.sleep(RUNTIME_RETRY)
        except Exception:
            log.exception("%s of %s failed", key, full_name(self._pod))
            await self.at.clock.sleep(DEFAULT_RETRY)
        finally:
            del self._operations[key]
            self._wake.set()

    async def _start_sandbox(self, pod: Object, runtime: PodRuntime, action: StartSandbox) -> None:
        if runtime.sandbox is not None:
            message = "Pod sandbox changed, it will be killed and re-created."
            self.at.tell(pod, "Normal", "SandboxChanged", message)
        await self._until_done(lambda: self._set_up(pod, action.attempt))

    async def _set_up(self, pod: Object, attempt: int) -> bool:
        """Volumes, cgroup, sandbox; False, with an event told, where it has to be tried again."""
        try:
            await self.at.volumes.prepare(pod)
            await self._make_cgroup(pod)
            config = sandbox_config(pod, attempt, self.at.config, self.at.resolver)
            await self.at.cri.run_sandbox(config)
        except (VolumeError, APIError, OSError) as error:
            self.at.tell(pod, "Warning", "FailedMount", str(error))
            return False
        except CRIError as error:
            self.at.tell(pod, "Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}")
            return False
        return True

    async def _make_cgroup(self, pod: Object) -> None:
        if not self.at.config.systemd_cgroup:
            path = cgroup_parent(pod, self.at.config.cgroup_root, False)
            await asyncio.to_thread(cgroups.create, path, pod_limits(pod))

    async def _start_container(self, pod: Object, runtime: PodRuntime, action: StartContainer) -> None:
        spec = next(spec for spec in all_containers(pod) if spec["name"] == action.name)
        previous = runtime.latest(action.name)
        if previous is not None and previous.finished is not None:
            self._restarts.advance(backoff_key(pod, action.name), self.at.clock.now())
        assert runtime.sandbox is not None, "plan() starts containers in a sandbox that is ready"
        config = sandbox_config(pod, runtime.sandbox.attempt, self.at.config, self.at.resolver)
        start = Start(self.at, _with_address(pod, runtime), spec, runtime, config)
        try:
            image = await self._unless_halted(start.image())
            await start.run(image, action.restart_count)
            self._waiting.pop(action.name, None)
        except StartError as error:
            self._waiting[action.name] = (error.reason, str(error))
            self._wake.set()
            if error.reason not in ("RunContainerError", "PostStartHookError"):  # those leave an instance, and back off
                await self._unless_halted(self.at.clock.sleep(START_RETRY.get(error.reason, DEFAULT_RETRY)))

    async def _kill(self, pod: Object, runtime: PodRuntime, action: KillContainer) -> None:
        spec = next((spec for spec in all_containers(pod) if spec["name"] == action.name), None)
        self.at.tell(pod, "Normal", "Killing", action.message, action.name)
        grace = self._grace(pod, spec, action)
        await end_container(self.at, pod, spec, action.id, self._pod_ip(runtime), grace)
        self._announced.add(action.id)

    def _grace(self, pod: Object, spec: Object | None, action: KillContainer) -> int:
        """What is left of the pod's grace period, or the failed probe's own."""
        probe = (spec or {}).get(f"{action.probe}Probe") or {}
        own = probe.get("terminationGracePeriodSeconds")
        if own is not None and self._stopping_since is None:
            return int(own)
        whole = grace_period(pod)
        used = round(self.at.clock.monotonic() - self._stopping_since) if self._stopping_since is not None else 0
        return whole if used <= 0 else max(whole - used, min(whole, MIN_GRACE))

    def _cancel_kills(self) -> None:
        """A shorter grace period: what is being waited for is asked anew, with less patience."""
        names = {spec["name"] for spec in all_containers(self._pod)} | {"sandbox"}
        for key, task in self._operations.items():
            if key not in names:
                task.cancel()

    async def _unless_halted(self, doing: Awaitable[T]) -> T:
        """Wait for something, or raise Halted as soon as the pod is to stop."""
        return await _unless(doing, self._halt)

    async def _until_done(self, attempt: Callable[[], Awaitable[bool]]) -> None:
        wait, longest = SETUP_RETRY
        while not await attempt():
            await self._unless_halted(self.at.clock.sleep(wait))
            wait = min(wait * 2, longest)

    # The end

    async def _after_stop(self, runtime: PodRuntime) -> bool:
        """Nothing runs any more: release everything; True when the pod is gone from the API too."""
        if not self._released:
            await release_resources(self.at, self._pod)
            self._released = True
        await self._writer.flush()
        pod = self._writer.current()
        if not (self._removed or is_deleting(pod) or self._writer.gone):
            return False
        if not (self._removed or self._writer.gone):
            await self._delete(pod)
        await forget_pod(self.at, pod, runtime)
        return True

    async def _delete(self, pod: Object) -> None:
        meta = pod["metadata"]
        while True:
            try:
                await self.at.client.delete(POD, meta["name"], meta["namespace"], grace_period=0, uid=self.uid)
                return
            except (NotFound, Conflict):  # gone, or another one of that name
                return
            except (APIError, OSError) as error:
                log.warning("%s could not be deleted: %s", full_name(pod), error)
                await self.at.clock.sleep(RUNTIME_RETRY)


def _with_address(pod: Object, runtime: PodRuntime) -> Object:
    """The pod with its sandbox's addresses, which the status may not show yet."""
    ips = runtime.sandbox.ips if runtime.sandbox else ()
    if not ips:
        return pod
    return pod | {"status": {**(pod.get("status") or {}), "podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}}


async def _first(*things: Awaitable[object]) -> None:
    """Wait for the first of some things; the others are cancelled."""
    tasks = [asyncio.ensure_future(thing) for thing in things]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _unless(doing: Awaitable[T], event: asyncio.Event) -> T:
    task, stop = asyncio.ensure_future(doing), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Halted
    finally:
        task.cancel()
        stop.cancel()
        await asyncio.gather(task, stop, return_exceptions=True)
