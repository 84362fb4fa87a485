"""One simulated pod's next step: what the kubelet would do (plan.py), done as its script says, told as it tells.

Deterministic but for what `Place.draw` draws. A Motion is kept while something of its pod is still to come, and made
anew from the pod's status otherwise: pods.py keeps it, and writes the status.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sampan.kubelet.backoff import RestartBackoff
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
)
from sampan.kubelet.podspec import all_containers, grace_period, is_finished, uses_host_network
from sampan.kubelet.records import Container, PodRuntime, State
from sampan.kubelet.simulated import runtime as runtimes
from sampan.kubelet.simulated.readiness import known_ready, verdict_of
from sampan.kubelet.simulated.script import Script, Span, life_of
from sampan.kubelet.status import Observation, pod_status
from sampan.kubelet.verdicts import Verdicts
from sampan.machinery.meta import Object, is_deleting, parse_time

_MOST_STEPS = 100  # at once: a pod may have any number of init containers, and others want their turn
_DEADLINE = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")


@dataclass(slots=True)
class Motion:
    """What is known of a pod in motion beside its status."""

    pod: Object  # the newest form of it
    runtime: PodRuntime
    begun: datetime  # when the node first looked at it
    due: dict[str, datetime] = field(default_factory=dict)  # what has been drawn: when it starts, ends, is ready
    restarts: RestartBackoff = field(default_factory=RestartBackoff)
    verdict: tuple[str, str] | None = None  # why the kubelet itself failed the pod
    stopping: datetime | None = None  # since when
    told: bool = False  # what is wrong with its annotations


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pod is and how it behaves there."""

    host_ip: str
    script: Script
    draw: Callable[[Span], float]
    take_ip: Callable[[], str]


@dataclass(slots=True)
class Moved:
    """What came of a step."""

    status: Object
    wake_at: datetime | None  # when there is more to do; None: not before the pod changes
    gone: bool  # it was being deleted, and nothing of it runs any more
    done: list[Action] = field(default_factory=list)
    waiting: dict[str, tuple[str, str]] = field(default_factory=dict)  # containers that are held back, and why


def motion_of(pod: Object, now: datetime) -> Motion:
    """A pod as its status tells of it."""
    made = Motion(pod, runtimes.seen(pod), now)
    made.due |= known_ready(pod, made.runtime)
    return made


def move(motion: Motion, place: Place, now: datetime) -> Moved:
    """Do what is due by now."""
    done: list[Action] = []
    for left in reversed(range(_MOST_STEPS)):
        limit = _check_deadline(motion, now)
        ends = _end(motion, place, now)
        verdicts, turns = _verdicts(motion, place, now)
        found = _planned(motion, verdicts, now)
        carried, later = _act(motion, place, found, now)
        done += carried
        if carried and left:
            continue  # with what follows from that
        status = _status(motion, place, found, verdicts, now)
        if carried or status["phase"] not in ("Succeeded", "Failed") or motion.stopping is not None:
            break
        motion.pod = motion.pod | {"status": status}  # what still runs, sidecars and the sandbox, is stopped now
    again = now if carried else None
    moments = [moment for moment in (again, limit, ends, turns, later, found.wake_at) if moment is not None]
    gone = found.stopped and is_deleting(motion.pod)
    return Moved(status, min(moments, default=None), gone, done, found.waiting)


def _planned(motion: Motion, verdicts: Verdicts, now: datetime) -> Plan:
    stopping = is_deleting(motion.pod) or is_finished(motion.pod) or motion.verdict is not None
    if stopping and motion.stopping is None:
        motion.stopping = now
    situation = Situation(motion.pod, motion.runtime, now, stopping, verdicts=verdicts, restarts=motion.restarts)
    return plan(situation)


def _status(motion: Motion, place: Place, found: Plan, verdicts: Verdicts, now: datetime) -> Object:
    over = found.stopped and is_deleting(motion.pod)
    seen = Observation(
        motion.pod, motion.runtime, now, place.host_ip, found.waiting, verdicts, motion.verdict, over=over
    )
    return pod_status(seen)


def _check_deadline(motion: Motion, now: datetime) -> datetime | None:
    """When spec.activeDeadlineSeconds is over, if that is still to come."""
    started = (motion.pod.get("status") or {}).get("startTime")
    if motion.verdict or is_finished(motion.pod) or motion.pod["spec"].get("activeDeadlineSeconds") is None:
        return None
    try:
        limit = deadline(motion.pod, parse_time(started) if started else now)
    except OverflowError:
        return None  # at no time that there is
    if limit is None or now < limit:
        return limit
    motion.verdict = _DEADLINE
    return None


def _end(motion: Motion, place: Place, now: datetime) -> datetime | None:
    """End what has lived as long as it was to; when the next does."""
    soonest: datetime | None = None
    specs = {spec["name"]: spec for spec in all_containers(motion.pod)}
    for one in motion.runtime.running():
        if one.name not in specs or (moment := _end_of(motion, place, specs[one.name], one)) is None:
            continue
        if moment <= now:
            code = 0 if _is_init(motion.pod, one.name) else place.script.code(one.restart_count)
            motion.runtime = runtimes.with_end(motion.runtime, one.id, code, moment)
        else:
            soonest = moment if soonest is None else min(soonest, moment)
    return soonest


def _end_of(motion: Motion, place: Place, spec: Object, one: Container) -> datetime | None:
    key = f"end {one.id}"
    if key not in motion.due:
        life = life_of(motion.pod, spec, one.restart_count, place.script)
        if life is None or one.started is None:
            return None
        motion.due[key] = after(one.started, place.draw(life))
    return motion.due[key]


def _is_init(pod: Object, name: str) -> bool:
    return any(spec["name"] == name for spec in pod["spec"].get("initContainers") or ())


def _verdicts(motion: Motion, place: Place, now: datetime) -> tuple[Verdicts, datetime | None]:
    """What probes say, and when they are going to say something else."""
    verdicts, soonest = {}, None
    for spec in all_containers(motion.pod):
        one = motion.runtime.latest(spec["name"])
        if (
            one is None
            or one.state is not State.RUNNING
            or not (spec.get("readinessProbe") or spec.get("startupProbe"))
        ):
            continue
        key = f"ready {one.id}"
        if place.script.ready is not None and key not in motion.due:
            motion.due[key] = after(one.started or now, place.draw(place.script.ready))
        verdicts[one.id], moment = verdict_of(spec, one, place.script, motion.due.get(key), now)
        if moment is not None:
            soonest = moment if soonest is None else min(soonest, moment)
    return verdicts, soonest


# Acting


def _act(motion: Motion, place: Place, found: Plan, now: datetime) -> tuple[list[Action], datetime | None]:
    """Carry out the actions that are due; those, and when the next is."""
    carried: list[Action] = []
    soonest: datetime | None = None
    for action in found.actions:
        moment = _when(motion, place, action, now)
        if moment <= now:
            _carry_out(motion, place, action, now)
            carried.append(action)
        else:
            soonest = moment if soonest is None else min(soonest, moment)
    return carried, soonest


def _when(motion: Motion, place: Place, action: Action, now: datetime) -> datetime:
    match action:
        case StartContainer() if not motion.runtime.containers or "start" in motion.due:
            if "start" not in motion.due:
                motion.due["start"] = after(motion.begun, place.draw(place.script.start))
            return motion.due["start"]
        case KillContainer():
            since = motion.stopping or motion.due.setdefault(f"kill {action.id}", now)
            key = f"stop {action.id}"
            if key not in motion.due:
                motion.due[key] = after(since, place.draw(place.script.stop))
            return min(motion.due[key], after(since, max(grace_period(motion.pod), 0)))
        case _:
            return now


def _carry_out(motion: Motion, place: Place, action: Action, now: datetime) -> None:
    runtime, pod = motion.runtime, motion.pod
    match action:
        case StartSandbox():
            ips = () if uses_host_network(pod) else (place.take_ip(),)
            motion.runtime = runtimes.with_sandbox(runtime, pod, action.attempt, ips, now)
        case StartContainer():
            spec = next(spec for spec in all_containers(pod) if spec["name"] == action.name)
            previous = runtime.latest(action.name)
            if previous is not None and previous.finished is not None:
                motion.restarts.advance(backoff_key(pod, action.name), now)
            motion.runtime = runtimes.with_container(runtime, pod, spec, action.restart_count, now)
        case KillContainer():
            in_time = motion.due[f"stop {action.id}"] <= now
            code = runtimes.TERMINATED_BY_SIGNAL if in_time else runtimes.KILLED
            motion.runtime = runtimes.with_end(runtime, action.id, code, now)
        case StopSandbox():
            motion.runtime = runtimes.without_sandbox(runtime)
        case RemoveContainer():
            motion.runtime = runtimes.without_container(runtime, action.id)


def after(moment: datetime, seconds: float) -> datetime:
    """Some seconds later, or the end of all time."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=moment.tzinfo)
