"""What to do next for one pod: (pod, what runs, what probes say, now) -> actions. Pure, and told everything.

Level-triggered: called after every change, with no memory of its own; worker.py carries the actions out and calls
again. An action is not given while the one before it on the same thing is `busy`. The rules are those of upstream's
"Pod Lifecycle" and "Init Containers" pages and KEP-753 (sidecars).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sampan.kubelet.backoff import RestartBackoff, go_duration
from sampan.kubelet.podspec import (
    container_hash,
    containers,
    ephemeral_containers,
    full_name,
    init_containers,
    is_sidecar,
    restart_policy,
    uid_of,
)
from sampan.kubelet.records import Container, PodRuntime, Sandbox, State
from sampan.kubelet.resize.changes import is_due, needs_restart, resizable
from sampan.kubelet.resize.ledger import Record
from sampan.kubelet.verdicts import NOTHING_KNOWN, Verdicts, failed_probe, is_started
from sampan.machinery.meta import Object

ENDS_SHOW = timedelta(seconds=1)  # for so long an end is told as such, before a back-off takes its place
RESIZE = "resize of the pod"  # its key in Situation.busy; no container can be called that
KEPT_INSTANCES = 2  # the present one and the one before, for `kubectl logs --previous`


@dataclass(frozen=True, slots=True)
class StartSandbox:
    """Make the pod's sandbox."""

    attempt: int


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Pull, create and start one instance of a container."""

    name: str
    restart_count: int


@dataclass(frozen=True, slots=True)
class KillContainer:
    """End a container, with its grace period; `message` is the Killing event's."""

    id: str
    name: str
    message: str
    probe: str = ""  # the probe that failed; its own grace period then counts
    resize: bool = False  # it is to start again with other resources, whatever its restart policy


@dataclass(frozen=True, slots=True)
class StopSandbox:
    """Release a sandbox's network and what still runs in it."""

    id: str


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """Forget a dead instance that is too old to be asked about."""

    id: str


@dataclass(frozen=True, slots=True)
class Resize:
    """Let the pod's cgroup and the containers that run have what they have been allocated (resize/)."""


Action = StartSandbox | StartContainer | KillContainer | StopSandbox | RemoveContainer | Resize


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that plan() may know."""

    pod: Object  # with what it has been allocated
    runtime: PodRuntime
    now: datetime
    stopping: bool = False  # deleted, finished or past its deadline: nothing may be started
    busy: frozenset[str] = frozenset()  # operations under way: "sandbox", container names, container and sandbox ids
    verdicts: Verdicts = field(default_factory=dict)
    restarts: RestartBackoff = field(default_factory=RestartBackoff)
    record: Record | None = None  # what its containers run with; None where nothing is resized
    resize_failed: bool = False  # the last time
    resizing: frozenset[str] = frozenset()  # ids of containers that have been ended to start with other resources


@dataclass(slots=True)
class Plan:
    """The answer. `waiting`: why a container is not started yet, as status shows it."""

    actions: list[Action] = field(default_factory=list)
    waiting: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> (reason, message)
    wake_at: datetime | None = None
    stopped: bool = False  # stopping, and nothing runs any more

    def wake(self, moment: datetime) -> None:
        """Ask to be called again at a moment, or earlier."""
        self.wake_at = moment if self.wake_at is None else min(self.wake_at, moment)


def plan(situation: Situation) -> Plan:
    """See the module."""
    found = Plan()
    if situation.stopping:
        _stop(situation, found)
    elif (sandbox := situation.runtime.sandbox) is not None and sandbox.ready:
        _run(situation, sandbox, found)
    else:
        _begin(situation, found)
    found.actions = [action for action in found.actions if subject(action) not in situation.busy]
    return found


def backoff_key(pod: Object, name: str) -> str:
    """The key of a container's restarts in RestartBackoff."""
    return f"{uid_of(pod)}/{name}"


def should_restart(pod: Object, spec: Object, instance: Container) -> bool:
    """Whether an instance that ended is followed by another one."""
    policy = restart_policy(pod, spec)
    return policy == "Always" or (policy == "OnFailure" and instance.exit_code != 0)


def initialized(pod: Object, runtime: PodRuntime) -> bool:
    """Whether the init containers of the present sandbox are behind us: an ordinary container has been made in it."""
    sandbox = runtime.sandbox
    names = {spec["name"] for spec in containers(pod)}
    return sandbox is not None and any(c.sandbox == sandbox.id and c.name in names for c in runtime.containers)


# Beginning


def _begin(situation: Situation, found: Plan) -> None:
    """There is no sandbox that works: end what is left of an old one, then make a new one if anything is to run."""
    if left := situation.runtime.running():
        found.actions += [KillContainer(c.id, c.name, f"Stopping container {c.name}") for c in left]
        return
    if not _has_work(situation):
        return
    old = situation.runtime.sandbox
    found.actions.append(StartSandbox(old.attempt + 1 if old else 0))


def _has_work(situation: Situation) -> bool:
    """Whether a new sandbox would have anything to run."""
    specs = containers(situation.pod)
    if (
        situation.runtime.sandbox
        and situation.runtime.containers
        and situation.pod["spec"].get("restartPolicy") == "Never"
    ):
        return False  # it had its one chance
    latest = [(spec, situation.runtime.latest(spec["name"])) for spec in specs]
    return any(c is None or c.state is not State.EXITED or should_restart(situation.pod, spec, c) for spec, c in latest)


# Running


def _run(situation: Situation, sandbox: Sandbox, found: Plan) -> None:
    for spec in ephemeral_containers(situation.pod):
        if situation.runtime.latest(spec["name"]) is None:
            found.actions.append(StartContainer(spec["name"], 0))
    if _is_resized_first(situation, found):
        return
    past_init = initialized(situation.pod, situation.runtime)
    if _initialize(situation, sandbox, past_init, found):
        for spec in containers(situation.pod):
            _keep(situation, spec, situation.runtime.latest(spec["name"]), found)
    _forget_old(situation, found)


def _is_resized_first(situation: Situation, found: Plan) -> bool:
    """Ask for what a resize needs, whether containers have to wait for it: no one has more than the pod as a whole.

    Those that are to start anew end first, then all others get what they are allocated. Where that has failed, the
    rest of the pod goes on until the next attempt.
    """
    record, pod, runtime = situation.record, situation.pod, situation.runtime
    if record is None:
        return False
    outdated = [
        (latest, spec["name"])
        for spec in resizable(pod)
        if (latest := runtime.latest(spec["name"])) is not None
        and latest.state is State.RUNNING
        and needs_restart(pod, record, spec)
    ]
    found.actions += [
        KillContainer(c.id, n, f"Container {n} resize requires restart", resize=True) for c, n in outdated
    ]
    if outdated or not is_due(pod, record, runtime):
        return bool(outdated)
    found.actions.append(Resize())
    return not situation.resize_failed


def _initialize(situation: Situation, sandbox: Sandbox, past_init: bool, found: Plan) -> bool:
    """One init container after the other, sidecars staying on; whether the ordinary containers may start."""
    for spec in init_containers(situation.pod):
        instance = situation.runtime.latest(spec["name"])
        current = instance if instance and instance.sandbox == sandbox.id else None
        if is_sidecar(spec):
            _keep(situation, spec, instance, found)
            if not past_init and not (current and _has_started(situation, spec, current)):
                return False
        elif not past_init and not _init_done(situation, spec, current, found):
            return False
    return True


def _init_done(situation: Situation, spec: Object, instance: Container | None, found: Plan) -> bool:
    if instance is None or instance.state is State.CREATED:
        found.actions.append(StartContainer(spec["name"], _next_count(situation, spec["name"])))
        return False
    if instance.state is not State.EXITED:
        return False
    if instance.exit_code == 0:
        return True
    if restart_policy(situation.pod, spec) != "Never":
        _restart(situation, spec, instance, found)
    return False


def _has_started(situation: Situation, spec: Object, instance: Container) -> bool:
    return instance.state is State.RUNNING and is_started(spec, situation.verdicts.get(instance.id, NOTHING_KNOWN))


def _keep(situation: Situation, spec: Object, instance: Container | None, found: Plan) -> None:
    """See that a container runs if it should, and is the one that it should be."""
    if instance is None or instance.state is State.CREATED:
        found.actions.append(StartContainer(spec["name"], _next_count(situation, spec["name"])))
    elif instance.state is State.EXITED:
        if instance.id in situation.resizing:
            found.actions.append(StartContainer(spec["name"], _next_count(situation, spec["name"])))
        elif should_restart(situation.pod, spec, instance):
            _restart(situation, spec, instance, found)
    elif why := _reason_to_kill(situation, spec, instance):
        found.actions.append(why)


def _reason_to_kill(situation: Situation, spec: Object, instance: Container) -> KillContainer | None:
    name = spec["name"]
    if instance.state is State.UNKNOWN:
        return KillContainer(instance.id, name, "Container is in unknown state, try killing it before restart")
    if instance.hash and instance.hash != container_hash(spec):
        return KillContainer(instance.id, name, f"Container {name} definition changed, will be restarted")
    if probe := failed_probe(situation.verdicts.get(instance.id, NOTHING_KNOWN)):
        after = "" if restart_policy(situation.pod, spec) == "Never" else ", will be restarted"
        return KillContainer(instance.id, name, f"Container {name} failed {probe} probe{after}", probe)
    return None


def _restart(situation: Situation, spec: Object, instance: Container, found: Plan) -> None:
    """Start again, or say until when that has to wait."""
    name, key = spec["name"], backoff_key(situation.pod, spec["name"])
    if name in situation.busy:
        return  # being started: its back-off has been advanced already
    allowed = situation.restarts.until(key, instance.finished or situation.now)
    if allowed is None or allowed <= situation.now:
        found.actions.append(StartContainer(name, _next_count(situation, name)))
        return
    found.wake(allowed)
    shown = (instance.finished or situation.now) + ENDS_SHOW
    if shown > situation.now:
        found.wake(shown)
        return
    wait = go_duration(situation.restarts.wait(key))
    message = f"back-off {wait} restarting failed container={name} pod={full_name(situation.pod)}"
    found.waiting[name] = ("CrashLoopBackOff", message)


def _next_count(situation: Situation, name: str) -> int:
    """The restart count of the next instance; what the API remembers counts where the runtime has forgotten."""
    if (latest := situation.runtime.latest(name)) is not None:
        return latest.restart_count + 1
    status = situation.pod.get("status") or {}
    for field_name in ("containerStatuses", "initContainerStatuses"):
        for old in status.get(field_name) or ():
            if old["name"] == name:  # without an id it awaits its next start, which is counted already
                return int(old.get("restartCount") or 0) + bool(old.get("containerID"))
    return 0


def _forget_old(situation: Situation, found: Plan) -> None:
    for name in {container.name for container in situation.runtime.containers}:
        for old in situation.runtime.instances(name)[KEPT_INSTANCES:]:
            if old.state in (State.EXITED, State.CREATED):
                found.actions.append(RemoveContainer(old.id))


# Stopping


def _stop(situation: Situation, found: Plan) -> None:
    """Ordinary containers first, then sidecars from the last to the first, then the sandbox (KEP-753)."""
    left = situation.runtime.running()
    if left:
        sidecars = [spec["name"] for spec in init_containers(situation.pod) if is_sidecar(spec)]
        chosen = [c for c in left if c.name not in sidecars]
        if not chosen:
            last = max(sidecars.index(c.name) for c in left)
            chosen = [c for c in left if c.name == sidecars[last]]
        found.actions += [KillContainer(c.id, c.name, f"Stopping container {c.name}") for c in chosen]
        return
    ready = [sandbox for sandbox in situation.runtime.sandboxes if sandbox.ready]
    found.actions += [StopSandbox(sandbox.id) for sandbox in ready]
    found.stopped = not ready and not situation.busy


def subject(action: Action) -> str:
    """What an action is about: its key in Situation.busy."""
    match action:
        case StartSandbox():
            return "sandbox"
        case StartContainer():
            return action.name
        case Resize():
            return RESIZE
        case _:
            return action.id


def deadline(pod: Object, started: datetime | None) -> datetime | None:
    """When spec.activeDeadlineSeconds is over."""
    seconds = pod["spec"].get("activeDeadlineSeconds")
    return started + timedelta(seconds=seconds) if seconds is not None and started else None
