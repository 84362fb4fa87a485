"""The pods and containers that paths name: /verb/namespace/pod[/uid][/container]."""

from collections.abc import Callable, Sequence

from sampan.kubelet.endpoints.answers import NOT_FOUND, HTTPError
from sampan.kubelet.podspec import uid_of
from sampan.kubelet.records import Container, State
from sampan.kubelet.runtime import Runtime
from sampan.machinery.meta import Object

Pods = Callable[[], list[Object]]


def find_pod(pods: Pods, namespace: str, name: str, text: str = "pod does not exist") -> Object:
    """The pod of that name on this node; raises HTTPError."""
    for pod in pods():
        if (pod["metadata"]["namespace"], pod["metadata"]["name"]) == (namespace, name):
            return pod
    raise HTTPError(404, text)


def pod_of(pods: Pods, rest: Sequence[str]) -> Object:
    """The pod of a path that names no container, its uid, where there is one, being right; raises HTTPError."""
    if len(rest) not in (2, 3):
        raise HTTPError(404, NOT_FOUND)
    pod = find_pod(pods, rest[0], rest[1])
    if len(rest) == 3 and rest[2] != uid_of(pod):
        raise HTTPError(404, "pod not found")
    return pod


async def running_container(pods: Pods, runtime: Runtime, rest: Sequence[str]) -> Container:
    """The running container that a path names; raises HTTPError, CRIError."""
    if len(rest) not in (3, 4):
        raise HTTPError(404, NOT_FOUND)
    pod, name = pod_of(pods, rest[:-1]), rest[-1]
    latest = (await runtime.pod(uid_of(pod))).latest(name)
    if latest is None or latest.state is not State.RUNNING:
        raise HTTPError(500, f'container not found ("{name}")')
    return latest
