"""Making, refreshing and removing the volumes of pods.

`prepare` is idempotent: called before the first container starts and again from time to time, when it brings
configMaps, secrets, tokens and labels up to date. Which kinds of volumes exist is _make(); what is in the files of the
generated ones is volumes/content.py. Called by worker.py.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.mounting import is_mounted, mount_tmpfs, unmount_below
from sampan.kubelet.pod_certificates import PodCertificates
from sampan.kubelet.podspec import uid_of
from sampan.kubelet.sources import SourceReader
from sampan.kubelet.volumes import atomic
from sampan.kubelet.volumes.claims import Claims, is_read_only
from sampan.kubelet.volumes.content import Sources, VolumeError, files, wanted
from sampan.kubelet.volumes.host_path import prepare_host_path
from sampan.kubelet.volumes.image import PLUGIN, ImageVolumes
from sampan.kubelet.volumes.local import prepare_local
from sampan.kubelet.volumes.tokens import Tokens
from sampan.kubelet.volumes.trust_anchors import TrustAnchors
from sampan.machinery.meta import Object
from sampan.machinery.quantity import parse
from sampan.reconcile.clock import Clock

# Where upstream keeps them; tools that look into a node's directories know these names.
_PLUGINS = {
    "emptyDir": "kubernetes.io~empty-dir",
    "configMap": "kubernetes.io~configmap",
    "secret": "kubernetes.io~secret",
    "downwardAPI": "kubernetes.io~downward-api",
    "projected": "kubernetes.io~projected",
    "image": PLUGIN,
}
_IN_MEMORY = ("secret", "projected")  # never written to a disk
_ON_THE_NODE = ("hostPath", "local")  # at a path of their own


@dataclass(frozen=True, slots=True)
class Origins:
    """Where the content of volumes comes from."""

    sources: SourceReader
    claims: Claims
    tokens: Tokens
    anchors: TrustAnchors
    certificates: PodCertificates
    images: ImageVolumes


class Volumes:
    """The volumes of the node's pods."""

    def __init__(
        self,
        config: KubeletConfig,
        origins: Origins,
        clock: Clock,
        allocatable: Callable[[], Mapping[str, str]],
    ) -> None:
        self._config = config
        self._origins = origins
        self._clock = clock
        self._allocatable = allocatable
        self._given: dict[str, set[str]] = {}  # local volumes by pod, whose files have been given to its group

    async def prepare(self, pod: Object) -> None:
        """Make or refresh all volumes; raises VolumeError, the message with the volume's name, as upstream's events."""
        await self.resolve(pod)
        await asyncio.gather(*(self._prepare_one(pod, volume) for volume in pod["spec"].get("volumes") or ()))

    async def resolve(self, pod: Object) -> None:
        """See where the pod's claims lead, before its paths are asked for; raises VolumeError, OSError."""
        await self._origins.claims.resolve(pod)

    def is_read_only(self, pod: Object, name: str) -> bool:
        """Whether nobody in the pod may write to a volume, whatever its mount says."""
        return any(volume["name"] == name and is_read_only(volume) for volume in pod["spec"].get("volumes") or ())

    def is_locked(self, pod: Object, name: str) -> bool:
        """Whether a volume is mounted on the node as it is to be, and flags of a container's mount would undo that."""
        return any(volume["name"] == name and "image" in volume for volume in pod["spec"].get("volumes") or ())

    @property
    def images_in_use(self) -> set[str]:
        """The ids of images that are volumes."""
        return self._origins.images.used

    def path(self, pod: Object, name: str) -> Path:
        """Where a volume is on the node; raises VolumeError for a name that the pod has not."""
        volume = next((v for v in pod["spec"].get("volumes") or () if v["name"] == name), None)
        if volume is None:
            raise VolumeError(f'no volume named "{name}"')
        volume = self._origins.claims.resolved(pod, volume)
        kind = _kind(volume)
        if kind in _ON_THE_NODE:
            return Path(volume[kind]["path"])
        return self._config.pod_dir(uid_of(pod)) / "volumes" / _PLUGINS[kind] / name

    async def tear_down(self, uid: str) -> None:
        """Unmount and remove everything of a pod; raises OSError."""
        await self._origins.images.release(self._config.pod_dir(uid))
        await asyncio.to_thread(_remove, self._config.pod_dir(uid))
        self._given.pop(uid, None)
        self._origins.claims.forget(uid)
        self._origins.tokens.forget(uid)
        self._origins.certificates.forget(uid)

    async def _prepare_one(self, pod: Object, volume: Object) -> None:
        try:
            volume = self._origins.claims.resolved(pod, volume)
            if "image" in volume:
                await self._origins.images.prepare(pod, volume, self.path(pod, volume["name"]))
                return
            content = await self._content(pod, volume)
            await asyncio.to_thread(self._make, pod, volume, content)
        except (VolumeError, OSError) as error:
            raise VolumeError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}') from error

    async def _content(self, pod: Object, volume: Object) -> dict[str, atomic.Content]:
        wish, origins = wanted(volume), self._origins
        found = await origins.sources.read(pod["metadata"]["namespace"], wish.objects)
        tokens = {token: await origins.tokens.get(pod, token) for token in wish.tokens}
        anchors = {one: await origins.anchors.get(one) for one in wish.anchors}
        certificates = {
            position: await origins.certificates.get(pod, volume["name"], position, source)
            for position, source in wish.certificates.items()
        }
        return files(volume, pod, Sources(found, tokens, anchors, certificates, self._allocatable()))

    def _make(self, pod: Object, volume: Object, content: dict[str, atomic.Content]) -> None:
        """On the node's file system; runs in a thread."""
        kind = _kind(volume)
        path, group = self.path(pod, volume["name"]), _fs_group(pod)
        if kind == "hostPath":
            prepare_host_path(path, volume["hostPath"].get("type") or "")
            return
        if kind == "local":
            again = volume["name"] in self._given.setdefault(uid_of(pod), set())
            prepare_local(path, None if again else group, _change_policy(pod))
            self._given[uid_of(pod)].add(volume["name"])
            return
        fresh = not path.exists()
        if fresh:
            path.mkdir(parents=True)
            path.chmod(0o777)
        if kind == "emptyDir":
            _make_empty_dir(path, volume["emptyDir"] or {}, group, fresh)
            return
        if kind in _IN_MEMORY and not is_mounted(path):
            mount_tmpfs(path)
        atomic.write(path, content, group, self._clock.now())


def _kind(volume: Object) -> str:
    for kind in (*_PLUGINS, *_ON_THE_NODE):
        if kind in volume:
            return kind
    found = ", ".join(sorted(set(volume) - {"name"}))
    raise VolumeError(f"this node has no volume plugin for {found}")


def _make_empty_dir(path: Path, source: Object, group: int | None, fresh: bool) -> None:
    medium = source.get("medium") or ""
    if medium not in ("", "Memory"):
        raise VolumeError(f'unknown storage medium "{medium}"')
    if medium == "Memory" and not is_mounted(path):
        limit = source.get("sizeLimit")
        mount_tmpfs(path, parse(str(limit)).value() if limit else 0)
        fresh = True
    if fresh:
        path.chmod(0o777)
        if group is not None:
            os.chown(path, -1, group)
            path.chmod(0o2777)


def _fs_group(pod: Object) -> int | None:
    group: Any = (pod["spec"].get("securityContext") or {}).get("fsGroup")
    return group if group is None else int(group)


def _change_policy(pod: Object) -> str:
    return (pod["spec"].get("securityContext") or {}).get("fsGroupChangePolicy") or "Always"


def _remove(directory: Path) -> None:
    unmount_below(directory)
    if directory.exists():
        shutil.rmtree(directory)
