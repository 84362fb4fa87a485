"""Which instance's log a request means, and why there may be none. Pure; the messages are upstream's."""

from pathlib import Path

from sampan.kubelet.podspec import all_containers
from sampan.kubelet.records import Container, PodRuntime, State
from sampan.machinery.meta import Object


class LogUnavailable(Exception):
    """There is no such log; str() is what the client sees."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def find_log(pod: Object, name: str, runtime: PodRuntime, previous: bool) -> tuple[Container, Path]:
    """The instance and its log file; raises LogUnavailable."""
    pod_name = pod["metadata"]["name"]
    if all(spec["name"] != name for spec in all_containers(pod)):
        raise LogUnavailable(404, f'container "{name}" not found in pod "{pod_name}"')
    instances = [i for i in runtime.instances(name) if i.state is not State.CREATED]
    if previous:
        ended = [i for i in instances if i.state is State.EXITED and not _is_current(pod, name, i)]
        if not ended:
            raise LogUnavailable(400, f'previous terminated container "{name}" in pod "{pod_name}" not found')
        return ended[0], Path(ended[0].log_path)
    if not instances:
        reason = _explained(_waiting_reason(pod, name))
        raise LogUnavailable(400, f'container "{name}" in pod "{pod_name}" is {reason}')
    return instances[0], Path(instances[0].log_path)


def _status(pod: Object, name: str) -> Object:
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for entry in status.get(field) or ():
            if entry["name"] == name:
                return dict(entry)
    return {}


def _is_current(pod: Object, name: str, instance: Container) -> bool:
    """Whether the instance that has ended is what `state`, not `lastState`, tells of."""
    ended = (_status(pod, name).get("state") or {}).get("terminated") or {}
    return bool(ended.get("containerID") == f"containerd://{instance.id}")


def _waiting_reason(pod: Object, name: str) -> str:
    return str(((_status(pod, name).get("state") or {}).get("waiting") or {}).get("reason") or "")


def _explained(reason: str) -> str:
    if reason == "ErrImagePull":
        return "waiting to start: image can't be pulled"
    if reason == "ImagePullBackOff":
        return "waiting to start: trying and failing to pull image"
    return f"waiting to start: {reason}" if reason else "not available"
