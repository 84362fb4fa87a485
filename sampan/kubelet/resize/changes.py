"""What to change so that a pod that runs has what it has been allocated, and in which order. Pure.

Memory first, then CPU. Of each: where the pod's cgroup is to be larger, that comes first; then the containers, those
that shrink before those that grow; where it is to be smaller, that comes last. So no container ever has more than its
pod, and the pod at no time more than the larger of both. Upstream: kuberuntime's doPodResizeAction. Carried out by
apply.py; plan.py asks whether there is anything to do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from sampan.kubelet.podspec import containers, init_containers
from sampan.kubelet.records import Container, PodRuntime, State
from sampan.kubelet.resize.allocation import amounts_in, amounts_of
from sampan.kubelet.resize.ledger import Record
from sampan.kubelet.resources import CPU_AND_MEMORY, Limits, container_limits, effective_resources, pod_limits
from sampan.machinery.meta import Object

Resource = Literal["cpu", "memory"]


@dataclass(frozen=True, slots=True)
class SetPod:
    """Give the pod's cgroup these settings."""

    limits: Limits


@dataclass(frozen=True, slots=True)
class SetContainer:
    """Give a container these settings; it has `resources` then."""

    name: str
    id: str
    limits: Limits
    resources: Object


Step = SetPod | SetContainer


def resizable(pod: Object) -> Iterator[Object]:
    """The containers that a resize is about."""
    yield from init_containers(pod)
    yield from containers(pod)


def unequal(pod: Object, record: Record, spec: Object) -> set[str]:
    """The resources of a container, cpu and memory, in which what it runs with differs from what it is allocated."""
    wanted, taken = amounts_of(spec, pod), amounts_in(record.containers.get(spec["name"]) or {})
    return {name.partition(".")[2] for name in wanted.keys() | taken.keys() if wanted.get(name) != taken.get(name)}


def needs_restart(pod: Object, record: Record, spec: Object) -> bool:
    """Whether a running container is to be started anew for its other resources, by its resizePolicy."""
    if spec["name"] not in record.containers:
        return False  # nobody knows what it was started with: being told once more does no harm
    policies = {one.get("resourceName"): one.get("restartPolicy") for one in spec.get("resizePolicy") or ()}
    return any(policies.get(name) == "RestartContainer" for name in unequal(pod, record, spec))


def is_due(pod: Object, record: Record, runtime: PodRuntime) -> bool:
    """Whether the pod's cgroup or a container that runs has something else than what is allocated."""
    return pod_limits(pod) != record.cgroup or any(True for _ in _outdated(pod, record, runtime))


def is_in_progress(pod: Object, record: Record, runtime: PodRuntime) -> bool:
    """Whether that is to be told: not of what was found running and is told its resources once more."""
    return is_due(pod, record, runtime) and record.cgroup is not None


def steps(pod: Object, record: Record, runtime: PodRuntime) -> list[Step]:
    """What to do, in order."""
    wanted = pod_limits(pod)
    found: list[Step] = [SetPod(wanted)] if record.cgroup is None else []
    present = _present(pod, record)
    taken = {spec["name"]: _taken(pod, record, spec) for spec in resizable(pod)}
    for resource in ("memory", "cpu"):
        target = _mixed(present, wanted, resource)
        if (grown := _most(present, target)) != present:
            found.append(SetPod(grown))
        found += _of_containers(pod, record, runtime, resource, taken)
        if target != grown:
            found.append(SetPod(target))
        present = target
    return found


def decreasing(pod: Object, record: Record, steps: list[Step]) -> tuple[int, dict[str, tuple[str, int]]]:
    """Memory limits that are to be lower: the pod's (0: not), and of containers (name and limit by id)."""
    before, after = _present(pod, record).memory, pod_limits(pod).memory
    names = {spec["name"]: spec for spec in resizable(pod)}
    lower = {}
    for step in steps:
        if isinstance(step, SetContainer):
            old = container_limits({"resources": _taken(pod, record, names[step.name])}).memory
            if step.limits.memory and (not old or step.limits.memory < old):
                lower[step.id] = (step.name, step.limits.memory)
    return after if after and (not before or after < before) else 0, lower


def _outdated(pod: Object, record: Record, runtime: PodRuntime) -> Iterator[tuple[Object, Container, set[str]]]:
    for spec in resizable(pod):
        latest = runtime.latest(spec["name"])
        if latest is not None and latest.state is State.RUNNING and (names := unequal(pod, record, spec)):
            yield spec, latest, names


def _of_containers(
    pod: Object, record: Record, runtime: PodRuntime, resource: Resource, taken: dict[str, Object]
) -> list[Step]:
    """The containers' part in one resource; `taken` says, and is told, what they have by then."""
    found: list[tuple[bool, SetContainer]] = []
    for spec, instance, names in _outdated(pod, record, runtime):
        if resource not in names:
            continue
        before = taken[spec["name"]]
        after = _with(before, effective_resources(spec, pod["spec"].get("resources")), resource)
        taken[spec["name"]] = after
        grows = _weight(after, resource) >= _weight(before, resource)
        step = SetContainer(spec["name"], instance.id, container_limits({"resources": after}), after)
        found.append((grows, step))
    return [step for _, step in sorted(found, key=lambda item: item[0])]


def _taken(pod: Object, record: Record, spec: Object) -> Object:
    """What a container has; where nobody knows, what it is to have, so that it is told all of it at once."""
    known = record.containers.get(spec["name"])
    return effective_resources(spec, pod["spec"].get("resources")) if known is None else dict(known)


def _with(before: Object, after: Object, resource: Resource) -> Object:
    """Resources with one of them, and all that can't be resized, as they are to be."""
    made: Object = {}
    for part in ("requests", "limits"):
        other = {name for name in CPU_AND_MEMORY if name != resource}
        kept = {name: amount for name, amount in (before.get(part) or {}).items() if name in other}
        new = {name: amount for name, amount in (after.get(part) or {}).items() if name not in other}
        if kept or new:
            made[part] = kept | new
    return made


def _weight(resources: Object, resource: Resource) -> tuple[float, int]:
    amounts: Mapping[str, float] = amounts_in(resources)
    return amounts.get(f"limits.{resource}") or float("inf"), int(amounts.get(f"requests.{resource}", 0))


def _present(pod: Object, record: Record) -> Limits:
    return record.cgroup or pod_limits(pod)


def _mixed(present: Limits, wanted: Limits, resource: Resource) -> Limits:
    if resource == "memory":
        return replace(present, memory=wanted.memory)
    return replace(present, cpu_shares=wanted.cpu_shares, cpu_quota=wanted.cpu_quota)


def _most(left: Limits, right: Limits) -> Limits:
    """The larger of each setting; 0 is no limit, and so the largest."""

    def larger(one: int, other: int) -> int:
        return max(one, other) if one and other else 0

    quota, memory = larger(left.cpu_quota, right.cpu_quota), larger(left.memory, right.memory)
    return Limits(max(left.cpu_shares, right.cpu_shares), quota, memory)
