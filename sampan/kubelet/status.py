"""A pod's status from what runs: phase, container statuses, addresses. Pure; conditions are in conditions.py.

Called by worker.py after every step. Field meanings and reasons: docs "Pod Lifecycle"; the phase rule is upstream's
(waiting after a termination counts as stopped, so a crash loop stays Running).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sampan.kubelet.conditions import conditions
from sampan.kubelet.plan import initialized, should_restart
from sampan.kubelet.podspec import (
    containers,
    ephemeral_containers,
    init_containers,
    is_sidecar,
    qos_class,
    restart_policy,
    uses_host_network,
)
from sampan.kubelet.records import Container, PodRuntime, State
from sampan.kubelet.resize.state import ResizeState, resize_conditions
from sampan.kubelet.resize.whole_status import whole_status
from sampan.kubelet.resources import CPU_AND_MEMORY, Limits
from sampan.kubelet.verdicts import NOTHING_KNOWN, Verdicts, is_ready, is_started
from sampan.machinery.meta import Object, format_time
from sampan.machinery.tree import deep_copy, get_path

_EPOCH = datetime.fromtimestamp(0, UTC)
_LOST: Object = {
    "exitCode": 137,
    "reason": "ContainerStatusUnknown",
    "message": "The container could not be located when the pod was terminated",
    "startedAt": None,
    "finishedAt": None,
}

Waiting = Mapping[str, tuple[str, str]]  # container -> (reason, message)


@dataclass(frozen=True, slots=True)
class Observation:
    """What status is made of."""

    pod: Object  # with the last status, and what it has been allocated
    runtime: PodRuntime
    now: datetime
    host_ip: str
    waiting: Waiting = field(default_factory=dict)  # why containers are not running: back-off, image and other errors
    verdicts: Verdicts = field(default_factory=dict)
    verdict: tuple[str, str] | None = None  # (reason, message) of a pod that the kubelet itself ended: Failed
    over: bool = False  # it is being deleted, nothing runs any more, and nothing will
    resize: ResizeState = field(default_factory=ResizeState)
    taken: Mapping[str, Object] = field(default_factory=dict)  # container -> resources that the runtime has given it
    cgroup: Limits | None = None  # what the pod as a whole has


def pod_status(seen: Observation) -> Object:
    """The whole status; fields of others (nominatedNodeName, foreign conditions) are kept."""
    pod = seen.pod
    old: Object = pod.get("status") or {}
    status: Object = {name: value for name, value in old.items() if name in ("nominatedNodeName", "resize")}
    status["observedGeneration"] = pod["metadata"].get("generation", 1)
    status["hostIP"], status["hostIPs"] = seen.host_ip, [{"ip": seen.host_ip}]
    status["startTime"] = old.get("startTime") or format_time(seen.now)
    status["qosClass"] = qos_class(pod)
    if ips := _pod_ips(seen, old):
        status["podIP"], status["podIPs"] = ips[0], [{"ip": ip} for ip in ips]
    inits = [_one(seen, spec, "initContainerStatuses") for spec in init_containers(pod)]
    ordinary = [_one(seen, spec, "containerStatuses") for spec in containers(pod)]
    ephemeral = [_one(seen, spec, "ephemeralContainerStatuses") for spec in ephemeral_containers(pod)]
    if seen.over:
        _end(inits, ordinary)
    status["phase"] = phase_of(pod, inits, ordinary, over=seen.over)
    if seen.verdict:
        status["phase"], (status["reason"], status["message"]) = "Failed", seen.verdict
    elif old.get("reason"):
        status |= {name: old[name] for name in ("reason", "message") if name in old}
    if inits:
        status["initContainerStatuses"] = inits
    status["containerStatuses"] = sorted(ordinary, key=lambda entry: str(entry["name"]))
    if ephemeral:
        status["ephemeralContainerStatuses"] = ephemeral
    status |= whole_status(pod, seen.cgroup, runs=status["phase"] == "Running")
    sandbox = seen.runtime.sandbox
    has_network = bool(sandbox and sandbox.ready and (sandbox.ips or uses_host_network(pod)))
    status["conditions"] = conditions(pod, status, has_network, seen.now)
    if status["phase"] not in ("Succeeded", "Failed"):
        status["conditions"] += resize_conditions(pod, seen.resize, seen.now)
    return status


def _end(inits: list[Object], ordinary: list[Object]) -> None:
    """Containers that were still to come have ended, too."""
    for status in [*inits, *ordinary]:
        if "waiting" in status["state"]:
            status["state"] = {"terminated": dict(status["lastState"].get("terminated") or _LOST)}


def phase_of(pod: Object, inits: list[Object], ordinary: list[Object], *, over: bool = False) -> str:
    """Pending, Running, Succeeded or Failed. A phase that is final stays, and what is over has one (KEP-3329)."""
    final = (pod.get("status") or {}).get("phase")
    if final in ("Succeeded", "Failed"):
        return str(final)
    if over:
        return "Succeeded" if all(map(_succeeded, ordinary)) else "Failed"
    if not _any_ran(ordinary):
        for spec, status in zip(init_containers(pod), inits, strict=True):
            if not is_sidecar(spec) and not _succeeded(status):
                failed = bool(status["state"].get("terminated")) and restart_policy(pod, spec) == "Never"
                return "Failed" if failed else "Pending"
    if any(_is_pending(status) for status in ordinary):
        return "Pending"
    if any("running" in status["state"] for status in ordinary):
        return "Running"
    specs = containers(pod)
    if any(_may_come_back(pod, spec, status) for spec, status in zip(specs, ordinary, strict=True)):
        return "Running"
    return "Succeeded" if all(_succeeded(status) for status in ordinary) else "Failed"


def _any_ran(ordinary: list[Object]) -> bool:
    return any("running" in status["state"] or _last_end(status) for status in ordinary)


def _is_pending(status: Object) -> bool:
    return "waiting" in status["state"] and not _last_end(status)


def _last_end(status: Object) -> Object | None:
    """The state in which it last ended."""
    ended: Object | None = status["state"].get("terminated") or status["lastState"].get("terminated")
    return ended


def _succeeded(status: Object) -> bool:
    ended = status["state"].get("terminated")
    return ended is not None and ended["exitCode"] == 0


def _may_come_back(pod: Object, spec: Object, status: Object) -> bool:
    policy = restart_policy(pod, spec)
    return policy == "Always" or (policy == "OnFailure" and not _succeeded(status))


def _pod_ips(seen: Observation, old: Object) -> list[str]:
    if uses_host_network(seen.pod):
        return [seen.host_ip]
    sandbox = seen.runtime.sandbox
    if sandbox and sandbox.ips:
        return list(sandbox.ips)
    return [entry["ip"] for entry in old.get("podIPs") or ()]


# One container


def _one(seen: Observation, spec: Object, field_name: str) -> Object:
    name = spec["name"]
    instances = seen.runtime.instances(name)
    before = next((s for s in (seen.pod.get("status") or {}).get(field_name) or () if s["name"] == name), None)
    if not instances and before and _last_end(before) and name not in seen.waiting:
        return _forgotten(before)
    latest = instances[0] if instances else None
    status: Object = {
        "name": name,
        "image": latest.image if latest and latest.image else spec["image"],
        "imageID": latest.image_ref if latest else "",
        "restartCount": latest.restart_count if latest else int((before or {}).get("restartCount") or 0),
        "ready": False,
        "started": False,
        "state": _state(seen, spec, latest, before),
        "lastState": {},
    }
    if latest is None and before is not None:
        _add_memory(status, seen, spec, before)
    if latest:
        status["containerID"] = f"containerd://{latest.id}"
        _add_history(status, instances, before)
        _add_readiness(status, seen, spec, latest, field_name)
    runs = latest is not None and latest.state is State.RUNNING
    return status | _allocation(spec, seen.taken.get(name) if runs else None) | _volume_mounts(spec)


def _add_memory(status: Object, seen: Observation, spec: Object, before: Object) -> None:
    """A container that the runtime has lost, as after a reboot, counts as ended, and its successor as a restart."""
    status["lastState"] = before.get("lastState") or {}
    if "running" not in before["state"]:
        return
    if restart_policy(seen.pod, spec) == "Never":
        status["state"] = {"terminated": dict(_LOST)}
        return
    status["lastState"] = {"terminated": dict(_LOST)}
    if not seen.pod["metadata"].get("deletionTimestamp"):
        status["restartCount"] += 1


def _forgotten(before: Object) -> Object:
    """An ended container that the runtime no longer knows: what the API remembers."""
    if "terminated" in before["state"]:
        return before
    return before | {"ready": False, "started": False}


def _is_backing_off(before: Object, latest: Container) -> bool:
    """A restart that had to wait is shown as waiting until it has happened."""
    same = before.get("containerID") == f"containerd://{latest.id}"
    return same and get_path(before, ("state", "waiting", "reason")) == "CrashLoopBackOff"


def _state(seen: Observation, spec: Object, latest: Container | None, before: Object | None) -> Object:
    name = spec["name"]
    if latest and latest.state is State.RUNNING:
        return {"running": {"startedAt": _time(latest.started)}}
    over = latest and latest.state is State.EXITED and not should_restart(seen.pod, spec, latest)
    if name in seen.waiting and not over:
        return {"waiting": _reasoned(*seen.waiting[name])}
    if latest and latest.state is State.EXITED:
        waits = not over and before and _is_backing_off(before, latest)
        return before["state"] if before and waits else {"terminated": terminated(latest)}
    if latest and latest.state is State.UNKNOWN:
        return {"terminated": _lost(latest)}
    before_init = init_containers(seen.pod) and not initialized(seen.pod, seen.runtime)
    return {"waiting": {"reason": "PodInitializing" if before_init else "ContainerCreating"}}


def terminated(instance: Container) -> Object:
    """The terminated state of an instance that has ended."""
    reason = instance.reason or ("Completed" if instance.exit_code == 0 else "Error")
    message = instance.termination_message or instance.message
    return {
        "exitCode": instance.exit_code,
        "reason": reason,
        **({"message": message} if message else {}),
        "startedAt": format_time(instance.started or _EPOCH),  # as the runtime says of what never started
        "finishedAt": format_time(instance.finished or _EPOCH),
        "containerID": f"containerd://{instance.id}",
    }


def _lost(instance: Container) -> Object:
    return _LOST | {"containerID": f"containerd://{instance.id}"}


def _add_history(status: Object, instances: list[Container], before: Object | None) -> None:
    """lastState: how it ended the last time, unless that is the state itself."""
    ended = [instance for instance in instances if instance.state is State.EXITED]
    if "terminated" in status["state"]:
        ended = [instance for instance in ended if instance is not instances[0]]
    if ended:
        status["lastState"] = {"terminated": terminated(ended[0])}
    elif before and (before.get("lastState") or {}).get("terminated"):
        status["lastState"] = before["lastState"]


def _add_readiness(status: Object, seen: Observation, spec: Object, latest: Container, field_name: str) -> None:
    verdict = seen.verdicts.get(latest.id, NOTHING_KNOWN)
    if latest.state is State.RUNNING:
        status["started"] = is_started(spec, verdict)
        plain_init = field_name == "initContainerStatuses" and not is_sidecar(spec)
        status["ready"] = not plain_init and field_name != "ephemeralContainerStatuses" and is_ready(spec, verdict)
    elif field_name == "initContainerStatuses" and not is_sidecar(spec):
        status["ready"] = _succeeded(status)


def _allocation(spec: Object, taken: Object | None) -> Object:
    """What it is allocated: allocatedResources; what it runs with: resources (KEP-1287). No resources, no fields."""
    resources = {name: deep_copy(given) for name, given in (spec.get("resources") or {}).items() if given}
    if not resources:
        return {"resources": {}}
    requests = resources.get("requests")
    allocated = {"allocatedResources": dict(requests)} if requests else {}
    return {"resources": _in_force(resources, taken)} | allocated


def _in_force(resources: Object, taken: Object | None) -> Object:
    """Allocated resources with the CPU and memory that the runtime has given; with them all where that is unknown."""
    if taken is None:
        return resources
    found: Object = {}
    for part, given in resources.items():
        if part not in ("requests", "limits"):
            found[part] = given
            continue
        kept = {name: amount for name, amount in given.items() if name not in CPU_AND_MEMORY}
        has = taken.get(part) or {}
        if merged := kept | {name: has[name] for name in CPU_AND_MEMORY if name in has}:
            found[part] = merged
    return found


def _volume_mounts(spec: Object) -> Object:
    mounts = spec.get("volumeMounts") or ()
    return {"volumeMounts": [_mount_status(mount) for mount in mounts]} if mounts else {}


def _mount_status(mount: Object) -> Object:
    status = {"name": mount["name"], "mountPath": mount["mountPath"]}
    if mount.get("readOnly"):
        status |= {"readOnly": True, "recursiveReadOnly": mount.get("recursiveReadOnly") or "Disabled"}
    return status


def _reasoned(reason: str, message: str) -> dict[str, Any]:
    return {"reason": reason} | ({"message": message} if message else {})


def _time(moment: datetime | None) -> str | None:
    return format_time(moment) if moment else None
