"""A container's mounts: volumeMounts (with subPath), the managed /etc/hosts and the termination message file.

Makes the files and subPath binds that the mounts need. Called by start.py.
"""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.expansion import expand, unresolved
from sampan.kubelet.hosts_file import node_hosts, pod_hosts
from sampan.kubelet.podspec import uid_of, uses_host_network
from sampan.kubelet.volumes.content import VolumeError
from sampan.kubelet.volumes.manager import Volumes
from sampan.kubelet.volumes.subpath import bind_subpath
from sampan.machinery.meta import Object

_PROPAGATION = {
    "None": pb.PROPAGATION_PRIVATE,
    "HostToContainer": pb.PROPAGATION_HOST_TO_CONTAINER,
    "Bidirectional": pb.PROPAGATION_BIDIRECTIONAL,
}
TERMINATION_LOG = "/dev/termination-log"


def container_mounts(
    pod: Object, spec: Object, env: Mapping[str, str], ips: tuple[str, ...], volumes: Volumes, config: KubeletConfig
) -> list[Any]:
    """All of a container's CRI mounts; `ips` are the pod's. Raises VolumeError, OSError; blocks on the file system."""
    mounts = [
        _volume_mount(pod, spec, mount, index, env, volumes, config)
        for index, mount in enumerate(spec.get("volumeMounts") or ())
    ]
    taken = {mount.container_path.rstrip("/") for mount in mounts}
    directory = config.pod_dir(uid_of(pod))
    if "/etc/hosts" not in taken and (ips or uses_host_network(pod)):
        mounts.append(pb.Mount(container_path="/etc/hosts", host_path=str(_hosts(pod, ips, directory, config))))
    path = spec.get("terminationMessagePath") or TERMINATION_LOG
    mounts.append(pb.Mount(container_path=path, host_path=str(_termination_file(directory / "containers", spec))))
    return mounts


def _volume_mount(
    pod: Object,
    spec: Object,
    mount: Object,
    index: int,
    env: Mapping[str, str],
    volumes: Volumes,
    config: KubeletConfig,
) -> Any:
    source = volumes.path(pod, mount["name"])
    subpath = mount.get("subPath") or _expanded(mount.get("subPathExpr") or "", env)
    if subpath:
        place = config.pod_dir(uid_of(pod)) / "volume-subpaths" / mount["name"] / spec["name"] / str(index)
        source = bind_subpath(source, subpath, place)
    elif not source.exists():
        _make_host_directory(source, mount["name"])
    return pb.Mount(
        container_path=mount["mountPath"],
        host_path=str(source),
        readonly=_is_read_only(pod, mount, volumes),
        propagation=_PROPAGATION[mount.get("mountPropagation") or "None"],
    )


def _is_read_only(pod: Object, mount: Object, volumes: Volumes) -> bool:
    if volumes.is_locked(pod, mount["name"]):
        return False
    return bool(mount.get("readOnly")) or volumes.is_read_only(pod, mount["name"])


def _expanded(expression: str, env: Mapping[str, str]) -> str:
    """A subPathExpr; unlike in commands, an unknown variable is an error (docs: "Volumes", subPathExpr)."""
    if (name := unresolved(expression, env)) is not None:
        raise VolumeError(f'missing value for "{name}"')
    return expand(expression, env)


def _make_host_directory(path: Path, name: str) -> None:
    """A hostPath without a type that does not exist becomes a directory, as runtimes have always done."""
    try:
        path.mkdir(parents=True, mode=0o755)
    except OSError as error:
        raise VolumeError(f'volume "{name}": {error}') from error


def _hosts(pod: Object, ips: tuple[str, ...], directory: Path, config: KubeletConfig) -> Path:
    text = (
        node_hosts(pod, Path("/etc/hosts").read_text())
        if uses_host_network(pod)
        else pod_hosts(pod, ips, config.cluster_domain)
    )
    file = directory / "etc-hosts"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o644)
    return file


def _termination_file(directory: Path, spec: Object) -> Path:
    """One file per instance, writable by any user."""
    file = directory / str(spec["name"]) / uuid.uuid4().hex[:8]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    file.chmod(0o666)
    return file
