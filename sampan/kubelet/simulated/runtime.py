"""What "runs" of a simulated pod: read from the pod's status, and what becomes of it. Pure; called by motion.py.

Nothing else remembers it, so it has to come out of a status as it went in: status.py makes the same status of it again.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sampan.kubelet.podspec import container_hash, is_finished, uid_of, uses_host_network
from sampan.kubelet.records import Container, PodRuntime, Sandbox, State
from sampan.machinery.meta import Object, parse_time

TERMINATED_BY_SIGNAL, KILLED = 143, 137  # 128 and the number of the signal
_FIELDS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_SCHEME = "containerd://"  # as status.py writes it
_EPOCH = datetime.fromtimestamp(0, UTC)


def seen(pod: Object) -> PodRuntime:
    """What runs, by the pod's status."""
    status = pod.get("status") or {}
    found = [made for name in _FIELDS for entry in status.get(name) or () for made in _instances(pod, entry)]
    found.sort(key=lambda container: container.restart_count, reverse=True)
    has_sandbox = any(
        one["type"] == "PodReadyToStartContainers" and one["status"] == "True" for one in status.get("conditions") or ()
    )
    if not has_sandbox and not found:
        return PodRuntime()
    ips = () if uses_host_network(pod) else tuple(one.get("ip") or "" for one in status.get("podIPs") or ())
    ready = has_sandbox and not is_finished(pod)
    sandbox = Sandbox(_sandbox_id(pod), 0, ready, _moment(status.get("startTime")) or _EPOCH, ips)
    return PodRuntime((sandbox,), tuple(found))


def _instances(pod: Object, entry: Object) -> Iterator[Container]:
    """The present instance of a container and the one before it, as far as its status tells."""
    state, last = entry.get("state") or {}, (entry.get("lastState") or {}).get("terminated")
    count = int(entry.get("restartCount") or 0)
    if running := state.get("running"):
        started = _moment(running.get("startedAt")) or _EPOCH
        identity = (entry.get("containerID") or "").removeprefix(_SCHEME)
        yield replace(_instance(pod, entry, count), id=identity, state=State.RUNNING, created=started, started=started)
    elif ended := state.get("terminated"):
        yield _ended(pod, entry, count, ended)
    else:
        count += 1  # it waits: what ended last is the newest there is
    if last:
        yield _ended(pod, entry, count - 1, last)


def _instance(pod: Object, entry: Object, count: int) -> Container:
    name, image = entry["name"], entry.get("image") or ""
    return Container(
        _container_id(pod, name, count),
        name,
        _sandbox_id(pod),
        State.CREATED,
        restart_count=count,
        hash=container_hash({"name": name, "image": image}),
        image=image,
        image_ref=entry.get("imageID") or "",
    )


def _ended(pod: Object, entry: Object, count: int, ended: Object) -> Container:
    made = _instance(pod, entry, count)
    return replace(
        made,
        id=(ended.get("containerID") or "").removeprefix(_SCHEME) or made.id,
        state=State.EXITED,
        started=_moment(ended.get("startedAt")),
        finished=_moment(ended.get("finishedAt")),
        exit_code=int(ended.get("exitCode") or 0),
        reason=ended.get("reason") or "",
        message=ended.get("message") or "",
    )


# What becomes of it


def with_sandbox(runtime: PodRuntime, pod: Object, attempt: int, ips: tuple[str, ...], now: datetime) -> PodRuntime:
    """The pod has a new sandbox."""
    return replace(runtime, sandboxes=(Sandbox(_sandbox_id(pod, attempt), attempt, True, now, ips),))


def without_sandbox(runtime: PodRuntime) -> PodRuntime:
    """The sandbox has been stopped."""
    return replace(runtime, sandboxes=tuple(replace(one, ready=False) for one in runtime.sandboxes))


def with_container(runtime: PodRuntime, pod: Object, spec: Object, count: int, now: datetime) -> PodRuntime:
    """A container has been started in the sandbox that there is."""
    sandbox = runtime.sandbox
    assert sandbox is not None, "plan() starts containers in a sandbox that is ready"
    started = Container(
        _container_id(pod, spec["name"], count),
        spec["name"],
        sandbox.id,
        State.RUNNING,
        restart_count=count,
        hash=container_hash(spec),
        image=spec["image"],
        image_ref=spec["image"],
        created=now,
        started=now,
    )
    return replace(runtime, containers=(started, *runtime.containers))


def with_end(runtime: PodRuntime, identity: str, exit_code: int, now: datetime) -> PodRuntime:
    """A container has ended."""
    ended: dict[str, Any] = {"state": State.EXITED, "exit_code": exit_code, "finished": now}
    changed = (replace(one, **ended) if one.id == identity else one for one in runtime.containers)
    return replace(runtime, containers=tuple(changed))


def without_container(runtime: PodRuntime, identity: str) -> PodRuntime:
    """An old instance is forgotten."""
    return replace(runtime, containers=tuple(one for one in runtime.containers if one.id != identity))


def _sandbox_id(pod: Object, attempt: int = 0) -> str:
    return _hash(f"{uid_of(pod)}/{attempt}")


def _container_id(pod: Object, name: str, count: int) -> str:
    return _hash(f"{uid_of(pod)}/{name}/{count}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _moment(text: Any) -> datetime | None:
    """A time in a status, which others may have written."""
    try:
        return parse_time(text) if text else None
    except ValueError:
        return None
