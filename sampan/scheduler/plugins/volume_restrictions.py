"""VolumeRestrictions: a disk that only one may write to, and a claim that is for one pod alone.

Rules: upstream's volumerestrictions plugin; docs, Persistent Volumes, "Access Modes" (ReadWriteOncePod, KEP-2485).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sampan.machinery.meta import Key
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import NodeCheck, Refusal, Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState
from sampan.scheduler.volumes import Volumes

TAKEN = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
)
NO_DISK = "node(s) had no available disk"
Source = Mapping[str, Any]


class VolumeRestrictions:
    """A ClusterFilter."""

    name = "VolumeRestrictions"
    events = frozenset({ClusterEvent.NODE_ADD, ClusterEvent.POD_REMOVE, ClusterEvent.CLAIM})

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes

    def prepare(self, pod: PodInfo, state: ClusterState) -> NodeCheck | Refusal | None:
        disks = [source for volume in pod.spec.get("volumes") or () if (source := _disk(volume))]
        alone = []
        for name in (use.name for use in pod.claims if not use.ephemeral):
            claim = self._volumes.claim(Key(pod.namespace, name))
            if claim is None:
                return Refusal(self.name, f'persistentvolumeclaim "{name}" not found')
            if "ReadWriteOncePod" in (claim["spec"].get("accessModes") or ()):
                alone.append(Key(pod.namespace, name))
        users = frozenset((user, key) for key in alone for user in state.users_of(key))
        return RestrictionCheck(disks, frozenset(alone), users) if disks or alone else None


@dataclass(frozen=True, slots=True)
class RestrictionCheck:
    """A MovableCheck: whether nobody else has what the pod wants for itself."""

    disks: Sequence[tuple[str, Source]]
    alone: frozenset[Key]  # claims that are for one pod
    users: frozenset[tuple[Key, Key]]  # assigned pods that use them

    def __call__(self, node: NodeInfo) -> Rejection | None:
        if any(_conflicts(disk, other) for disk in self.disks for other in _disks_on(node)):
            return Rejection(VolumeRestrictions.name, (NO_DISK,))
        return Rejection(VolumeRestrictions.name, (TAKEN,)) if self.users else None

    def moved(self, node: NodeInfo, gone: Iterable[PodInfo], come: Iterable[PodInfo]) -> "RestrictionCheck":
        users = (self.users - self._uses(gone)) | self._uses(come)
        return self if users == self.users else replace(self, users=users)

    def _uses(self, pods: Iterable[PodInfo]) -> frozenset[tuple[Key, Key]]:
        uses = ((pod.key, Key(pod.namespace, claim.name)) for pod in pods for claim in pod.claims)
        return frozenset((user, claim) for user, claim in uses if claim in self.alone)


def _disk(volume: Mapping[str, Any]) -> tuple[str, Source] | None:
    return next(((kind, volume[kind]) for kind in _SAME if volume.get(kind)), None)


def _disks_on(node: NodeInfo) -> Sequence[tuple[str, Source]]:
    volumes = (volume for pod in node.pods.values() for volume in pod.spec.get("volumes") or ())
    return [disk for volume in volumes if (disk := _disk(volume))]


def _conflicts(mine: tuple[str, Source], theirs: tuple[str, Source]) -> bool:
    kind = mine[0]
    if kind != theirs[0] or not _SAME[kind](mine[1], theirs[1]):
        return False
    both_read = bool(mine[1].get("readOnly") and theirs[1].get("readOnly"))
    return kind == "awsElasticBlockStore" or not both_read


def _same_image(mine: Source, theirs: Source) -> bool:
    shared = set(mine.get("monitors") or ()) & set(theirs.get("monitors") or ())
    return bool(shared) and all(mine.get(field) == theirs.get(field) for field in ("pool", "image"))


_SAME = {
    "gcePersistentDisk": lambda mine, theirs: mine.get("pdName") == theirs.get("pdName"),
    "awsElasticBlockStore": lambda mine, theirs: mine.get("volumeID") == theirs.get("volumeID"),
    "iscsi": lambda mine, theirs: mine.get("iqn") == theirs.get("iqn"),
    "rbd": _same_image,
}
