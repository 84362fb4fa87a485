"""Volumes that are images (KEP-4639): pulled by their policy, mounted so that nobody writes to them or executes them.

containerd mounts them for the kubelet by its tool `ctr`, as its CRI can since version 2.1 only, and the container is
given a directory like that of any other volume. What a pod has mounted stays as it is until the pod ends, even where
its policy is Always. Called by manager.py.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from sampan.kubelet.cri import CRI, CRIError
from sampan.kubelet.images import ImageError, Images
from sampan.kubelet.mounting import is_mounted, lock_mount
from sampan.kubelet.podspec import uid_of
from sampan.kubelet.sources import SourceReader
from sampan.kubelet.volumes.content import VolumeError
from sampan.machinery.meta import Object

log = logging.getLogger(__name__)

PLUGIN = "kubernetes.io~image"
_NAMESPACE = "k8s.io"

# Tells an event about a pod: (pod, type, reason, message).
Tell = Callable[[Object, str, str, str], None]


class ImageVolumes:
    """The image volumes of the node's pods; `socket` is containerd's."""

    def __init__(self, images: Images, sources: SourceReader, tell: Tell, socket: str) -> None:
        self._images = images
        self._sources = sources
        self._tell = tell
        self._socket = socket
        self._used: dict[Path, str] = {}  # image ids by where they are mounted

    @property
    def used(self) -> set[str]:
        """The ids of the images that are mounted."""
        return set(self._used.values())

    async def prepare(self, pod: Object, volume: Object, target: Path) -> None:
        """Have the image of a volume at `target`; raises VolumeError, OSError."""
        mounted = await asyncio.to_thread(is_mounted, target)
        if mounted and target in self._used:
            return
        try:
            image = await self._image(pod, volume["image"] or {}, mounted)
            if not mounted:
                await self._mount(image, target)
        except (ImageError, CRIError) as error:
            raise VolumeError(str(error)) from error
        await asyncio.to_thread(lock_mount, target)  # also what a kubelet that was killed has left unlocked
        self._used[target] = image

    async def release(self, pod_dir: Path) -> None:
        """Unmount the image volumes of a pod, where containerd is to take note of that."""
        for target in await asyncio.to_thread(_mounted, pod_dir):
            try:
                await self._ctr("images", "unmount", "--rm", str(target))
            except VolumeError as error:  # the mount itself is removed with the pod's directory
                log.warning("the image volume %s: %s", target, error)
        self._used = {place: image for place, image in self._used.items() if pod_dir not in place.parents}

    async def _image(self, pod: Object, source: Object, mounted: bool) -> str:
        """The id of a volume's image, which is not pulled again where it is mounted already."""
        asked = {"image": source.get("reference") or "", "imagePullPolicy": source.get("pullPolicy") or ""}
        if mounted:
            asked["imagePullPolicy"] = "IfNotPresent"
        names = [entry["name"] for entry in pod["spec"].get("imagePullSecrets") or ()]
        secrets = await self._sources.secrets(pod["metadata"]["namespace"], names)

        def tell(type_: str, reason: str, message: str) -> None:
            self._tell(pod, type_, reason, message)

        found = await self._images.ensure(asked, uid_of(pod), tell, secrets, None)
        return str(found.id)

    async def _mount(self, image: str, target: Path) -> None:
        await asyncio.to_thread(target.mkdir, parents=True, exist_ok=True)
        snapshotter = await _snapshotter(self._images.cri)
        await self._ctr("images", "mount", "--snapshotter", snapshotter, image, str(target))

    async def _ctr(self, *arguments: str) -> None:
        command = ("ctr", "--address", self._socket, "--namespace", _NAMESPACE, *arguments)
        made = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        _, said = await made.communicate()
        if made.returncode != 0:
            raise VolumeError(said.decode(errors="replace").strip() or "ctr failed")


async def _snapshotter(cri: CRI) -> str:
    """The one in which CRI unpacks images: its directory is called io.containerd.snapshotter.v1.<name>."""
    places = await cri.image_filesystems()
    name = Path(places[0].fs_id.mountpoint).name if places else ""
    return name.rpartition("io.containerd.snapshotter.v1.")[2] or "overlayfs"


def _mounted(pod_dir: Path) -> list[Path]:
    return [target for target in (pod_dir / "volumes" / PLUGIN).glob("*") if is_mounted(target)]
