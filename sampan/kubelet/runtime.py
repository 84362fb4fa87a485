"""What runs on the node, read through CRI into plain records (records.py).

The labels and annotations by which a restarted kubelet recognises its containers are upstream's.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.cri import CRI, CRIError
from sampan.kubelet.messages import termination_message
from sampan.kubelet.records import Container, PodRuntime, Sandbox, State

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"
HASH = "io.kubernetes.container.hash"
RESTART_COUNT = "io.kubernetes.container.restartCount"
TERMINATION_PATH = "io.kubernetes.container.terminationMessagePath"
TERMINATION_POLICY = "io.kubernetes.container.terminationMessagePolicy"
POD_GRACE = "io.kubernetes.pod.terminationGracePeriod"
OOM_KILLED = "OOMKilled"  # the reason that containerd gives of a container in which it saw that happen


class Runtime:
    """Reads PodRuntimes. Containers that have ended never change, so they are asked for once.

    But for one thing: containerd announces that memory ran out beside the exit, and takes note of either when it gets
    to it. So the announcement counts, whenever it comes, and not only what the status said when it was asked.
    """

    def __init__(self, cri: CRI) -> None:
        self.cri = cri
        self._ended: dict[str, Container] = {}
        self._owners: dict[str, str] = {}  # container or sandbox id -> pod uid
        self._out_of_memory: set[str] = set()  # containers in which the kernel had to kill

    async def pod(self, uid: str) -> PodRuntime:
        """The pod's sandboxes and containers as of now; raises CRIError."""
        labels = {POD_UID: uid}
        sandboxes, containers = await asyncio.gather(self.cri.list_sandboxes(labels), self.cri.list_containers(labels))
        records = await asyncio.gather(
            asyncio.gather(*(self._sandbox(item) for item in sandboxes)),
            asyncio.gather(*(self._container(item) for item in containers)),
        )
        self._owners |= {item.id: uid for item in (*sandboxes, *containers)}
        return PodRuntime(
            tuple(sorted(filter(None, records[0]), key=lambda s: (s.attempt, s.created), reverse=True)),
            tuple(sorted(filter(None, records[1]), key=lambda c: (c.restart_count, c.created), reverse=True)),
        )

    async def uids(self) -> dict[str, tuple[str, str]]:
        """uid -> (namespace, name) of every pod that has a sandbox or a container here; raises CRIError."""
        remembered = self._ended.keys() | self._owners.keys() | self._out_of_memory
        found = [*await self.cri.list_sandboxes(), *await self.cri.list_containers()]
        self._owners |= {item.id: item.labels[POD_UID] for item in found if POD_UID in item.labels}
        self._forget(remembered - {item.id for item in found})  # not what was made while the runtime made its list
        labelled = (item.labels for item in found if POD_UID in item.labels)
        return {labels[POD_UID]: (labels[POD_NAMESPACE], labels[POD_NAME]) for labels in labelled}

    def claim(self, identity: str, uid: str) -> None:
        """A container has been created for a pod: so that news of it finds its way before it is ever listed."""
        self._owners[identity] = uid

    def owner(self, identity: str) -> str | None:
        """The uid of the pod that a container or sandbox belongs to, as far as it has been seen."""
        return self._owners.get(identity)

    def out_of_memory(self, identity: str) -> None:
        """The kernel has killed a process of a container, which may have ended of it, or go on."""
        self._out_of_memory.add(identity)

    def read_again(self) -> None:
        """What is known of ended containers may be stale: announcements were missed."""
        self._ended.clear()

    def _forget(self, gone: set[str]) -> None:
        for identity in gone:
            self._ended.pop(identity, None)
            self._owners.pop(identity, None)
        self._out_of_memory -= gone

    async def _sandbox(self, item: Any) -> Sandbox | None:
        ready = item.state == pb.SANDBOX_READY
        try:
            ips = _addresses(await self.cri.sandbox_status(item.id)) if ready else ()
        except CRIError as error:
            if error.code == "NotFound":
                return None
            raise
        return Sandbox(item.id, item.metadata.attempt, ready, _moment(item.created_at), ips)

    async def _container(self, item: Any) -> Container | None:
        container = await self._read(item)
        if container and container.state is State.EXITED and container.id in self._out_of_memory:
            return replace(container, reason=OOM_KILLED)
        return container

    async def _read(self, item: Any) -> Container | None:
        if item.id in self._ended:
            return self._ended[item.id]
        try:
            status = await self.cri.container_status(item.id)
        except CRIError as error:
            if error.code == "NotFound":  # removed since it was listed
                return None
            raise
        container = container_of(status, item.pod_sandbox_id)
        if container.state is State.EXITED:
            container = self._ended[item.id] = with_message(container)
        return container


_STATES: Mapping[int, State] = {
    pb.CONTAINER_CREATED: State.CREATED,
    pb.CONTAINER_RUNNING: State.RUNNING,
    pb.CONTAINER_EXITED: State.EXITED,
    pb.CONTAINER_UNKNOWN: State.UNKNOWN,
}


def container_of(status: Any, sandbox: str) -> Container:
    """A record from CRI's ContainerStatus."""
    return Container(
        id=status.id,
        name=status.metadata.name,
        sandbox=sandbox,
        state=_STATES[status.state],
        restart_count=int(status.annotations.get(RESTART_COUNT, status.metadata.attempt)),
        hash=status.annotations.get(HASH, ""),
        image=status.image.image,
        image_ref=status.image_ref,
        created=_moment(status.created_at),
        started=_moment(status.started_at) if status.started_at > 0 else None,
        finished=_moment(status.finished_at) if status.finished_at > 0 else None,
        exit_code=status.exit_code,
        reason=status.reason,
        message=status.message,
        annotations=dict(status.annotations),
        mounts=tuple((mount.container_path, mount.host_path) for mount in status.mounts),
        log_path=status.log_path,
    )


def with_message(container: Container) -> Container:
    """The same, with what it left in its termination message file or, by its policy, in its log."""
    notes = container.annotations
    file = dict(container.mounts).get(notes.get(TERMINATION_PATH, ""), "")
    policy = notes.get(TERMINATION_POLICY, "File")
    message = termination_message(file, policy, container.exit_code, container.log_path)
    return replace(container, termination_message=message)


def _addresses(status: Any) -> tuple[str, ...]:
    first = (status.network.ip,) if status.network.ip else ()
    return first + tuple(extra.ip for extra in status.network.additional_ips)


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)


def pod_labels(pod: Mapping[str, Any]) -> dict[str, str]:
    """The labels that lead from a sandbox or container to its pod."""
    meta = pod["metadata"]
    return {POD_NAME: meta["name"], POD_NAMESPACE: meta["namespace"], POD_UID: meta["uid"]}
