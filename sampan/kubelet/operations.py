"""The operations of one pod: carrying out what plan() asks for, side by side, at most one per subject.

An operation that fails tells its event, waits as long as is good, and ends; the worker then looks again, and plan()
asks again if it is still wanted. When the pod is to stop, waiting and pulling are given up, but a call to the runtime
that has begun is seen through. Made by worker.py.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from sampan.kubelet import cgroups
from sampan.kubelet.backoff import RestartBackoff
from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.plan import (
    RESIZE,
    Action,
    KillContainer,
    RemoveContainer,
    Resize,
    StartContainer,
    StartSandbox,
    StopSandbox,
    backoff_key,
    subject,
)
from sampan.kubelet.podspec import all_containers, full_name, grace_period, uses_host_network
from sampan.kubelet.records import PodRuntime
from sampan.kubelet.resize.apply import ResizeError, carry_out
from sampan.kubelet.resources import cgroup_parent, pod_limits
from sampan.kubelet.sandbox_config import sandbox_config
from sampan.kubelet.start import Start, StartError
from sampan.kubelet.stop import MIN_GRACE, end_container
from sampan.kubelet.volumes.content import VolumeError
from sampan.kubelet.waits import Halted, unless
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Object

log = logging.getLogger(__name__)

T = TypeVar("T")

RUNTIME_RETRY = 1.0
START_RETRY = {"ErrImagePull": 3.0, "CreateContainerConfigError": 5.0}  # then ImagePullBackOff shows, as upstream
DEFAULT_RETRY = 10.0
RESIZE_RETRY = 10.0
SETUP_RETRY = (0.5, 122.0)  # volumes and sandboxes: first and longest wait


class Operations:
    """See the module."""

    def __init__(self, context: KubeletContext, wake: Callable[[], None], ended: Callable[[str], None]) -> None:
        self.context = context
        self.waiting: dict[str, tuple[str, str]] = {}  # why a container is not running, by its name
        self.restarts = RestartBackoff()
        self.resizing: set[str] = set()  # containers that were ended to start with other resources
        self.resize_error = ""  # why what is allocated has not reached the containers
        self._wake = wake
        self._ended = ended  # told the id of a container that has been stopped
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._halt = asyncio.Event()
        self._halted_since = 0.0

    @property
    def busy(self) -> frozenset[str]:
        """The subjects of what is under way."""
        return frozenset(self._tasks)

    @property
    def halted(self) -> bool:
        """Whether nothing may be started any more."""
        return self._halt.is_set()

    def halt(self) -> None:
        """The pod is to stop; its grace period begins."""
        if not self._halt.is_set():
            self._halted_since = self.context.clock.monotonic()
            self._halt.set()

    def cancel(self) -> None:
        """Give up everything; containers stay as they are."""
        for task in self._tasks.values():
            task.cancel()

    def cancel_kills(self, pod: Object) -> None:
        """A shorter grace period: what is being waited for is asked anew, with less patience."""
        names = {spec["name"] for spec in all_containers(pod)} | {"sandbox"}
        for key, task in self._tasks.items():
            if key not in names:
                task.cancel()

    def retry_resize(self) -> None:
        """Something else has been allocated: what went wrong before does not matter any more."""
        if self.resize_error:
            self.resize_error = ""
            if waiting := self._tasks.get(RESIZE):
                waiting.cancel()

    def launch(self, group: asyncio.TaskGroup, pod: Object, runtime: PodRuntime, action: Action) -> None:
        """Begin an action on a pod, as its runtime was seen when it was planned."""
        match action:
            case StartSandbox():
                doing = self._start_sandbox(pod, runtime, action)
            case StartContainer():
                doing = self._start_container(pod, runtime, action)
            case KillContainer():
                doing = self._kill(pod, runtime, action)
            case Resize():
                doing = self._resize(pod, runtime)
            case StopSandbox():
                doing = self.context.cri.stop_sandbox(action.id)
            case RemoveContainer():
                doing = self.context.cri.remove_container(action.id)
        key = subject(action)
        self._tasks[key] = group.create_task(self._operate(pod, key, doing), name=f"{key} of {full_name(pod)}")

    async def _operate(self, pod: Object, key: str, doing: Coroutine[Any, Any, None]) -> None:
        """Run an operation; whatever becomes of it, the worker looks again."""
        try:
            await doing
        except Halted:
            log.debug("%s of %s was given up: the pod stops", key, full_name(pod))
        except CRIError as error:
            log.warning("%s of %s: %s", key, full_name(pod), error)
            await self.context.clock.sleep(RUNTIME_RETRY)
        except Exception:
            log.exception("%s of %s failed", key, full_name(pod))
            await self.context.clock.sleep(DEFAULT_RETRY)
        finally:
            del self._tasks[key]
            self._wake()

    async def _start_sandbox(self, pod: Object, runtime: PodRuntime, action: StartSandbox) -> None:
        if runtime.sandbox is not None:
            message = "Pod sandbox changed, it will be killed and re-created."
            self.context.tell(pod, "Normal", "SandboxChanged", message)
        await self._until_done(lambda: self._set_up(pod, action.attempt))

    async def _set_up(self, pod: Object, attempt: int) -> bool:
        """Volumes, cgroup, sandbox; False, with an event told, where it has to be tried again."""
        try:
            await self.context.volumes.prepare(pod)
            await self._make_cgroup(pod)
            config = sandbox_config(pod, attempt, self.context.config, self.context.resolver)
            async with self.context.sandbox_slots:
                await self.context.cri.run_sandbox(config)
        except (VolumeError, APIError, OSError) as error:
            self.context.tell(pod, "Warning", "FailedMount", str(error))
            return False
        except CRIError as error:
            self.context.tell(pod, "Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}")
            return False
        return True

    async def _make_cgroup(self, pod: Object) -> None:
        if not self.context.config.systemd_cgroup:
            path = cgroup_parent(pod, self.context.config.cgroup_root, False)
            await asyncio.to_thread(cgroups.create, path, pod_limits(pod))
        self.context.ledger.set_cgroup(pod, pod_limits(pod))

    async def _resize(self, pod: Object, runtime: PodRuntime) -> None:
        try:
            await self._unless_halted(carry_out(self.context, pod, runtime))
            self.resize_error = ""
        except ResizeError as error:
            self.resize_error = str(error)
            self._wake()
            await self._unless_halted(self.context.clock.sleep(RESIZE_RETRY))

    async def _start_container(self, pod: Object, runtime: PodRuntime, action: StartContainer) -> None:
        spec = next(spec for spec in all_containers(pod) if spec["name"] == action.name)
        previous = runtime.latest(action.name)
        if previous is not None and previous.finished is not None and previous.id not in self.resizing:
            self.restarts.advance(backoff_key(pod, action.name), self.context.clock.now())
        assert runtime.sandbox is not None, "plan() starts containers in a sandbox that is ready"
        config = sandbox_config(pod, runtime.sandbox.attempt, self.context.config, self.context.resolver)
        start = Start(self.context, with_address(pod, runtime), spec, runtime, config)
        try:
            image = await self._unless_halted(start.image())
            await start.run(image, action.restart_count)
            self.resizing -= {container.id for container in runtime.instances(action.name)}
            self.waiting.pop(action.name, None)
        except StartError as error:
            self.waiting[action.name] = (error.reason, str(error))
            self._wake()
            if error.reason not in ("RunContainerError", "PostStartHookError"):  # those leave an instance, and back off
                await self._unless_halted(self.context.clock.sleep(START_RETRY.get(error.reason, DEFAULT_RETRY)))

    async def _kill(self, pod: Object, runtime: PodRuntime, action: KillContainer) -> None:
        spec = next((spec for spec in all_containers(pod) if spec["name"] == action.name), None)
        self.context.tell(pod, "Normal", "Killing", action.message, action.name)
        if action.resize:
            self.resizing.add(action.id)
        grace = self._grace(pod, spec, action)
        await end_container(self.context, pod, spec, action.id, pod_ip(self.context, pod, runtime), grace)
        self._ended(action.id)

    def _grace(self, pod: Object, spec: Object | None, action: KillContainer) -> int:
        """What is left of the pod's grace period, or the failed probe's own."""
        probe = (spec or {}).get(f"{action.probe}Probe") or {}
        own = probe.get("terminationGracePeriodSeconds")
        if own is not None and not self.halted:
            return int(own)
        whole = grace_period(pod)
        used = round(self.context.clock.monotonic() - self._halted_since) if self.halted else 0
        return whole if used <= 0 else max(whole - used, min(whole, MIN_GRACE))

    async def _unless_halted(self, doing: Awaitable[T]) -> T:
        """Wait for something, or raise Halted as soon as the pod is to stop."""
        return await unless(self._halt, doing)

    async def _until_done(self, attempt: Callable[[], Awaitable[bool]]) -> None:
        wait, longest = SETUP_RETRY
        while not await attempt():
            await self._unless_halted(self.context.clock.sleep(wait))
            wait = min(wait * 2, longest)


def with_address(pod: Object, runtime: PodRuntime) -> Object:
    """The pod with its sandbox's addresses, which the status may not show yet."""
    ips = runtime.sandbox.ips if runtime.sandbox else ()
    if not ips:
        return pod
    return pod | {"status": {**(pod.get("status") or {}), "podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}}


def pod_ip(context: KubeletContext, pod: Object, runtime: PodRuntime) -> str:
    """The address at which probes and hooks reach a pod; "" before it has one."""
    if uses_host_network(pod):
        return context.config.node_ip
    return next(iter(runtime.sandbox.ips), "") if runtime.sandbox else ""
