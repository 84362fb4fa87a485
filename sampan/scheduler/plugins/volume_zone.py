"""VolumeZone: a volume that says by its labels where it is can only be used there.

For volumes from before they had node affinity. Rules: upstream's volumezone plugin.
"""

from sampan.kinds.core.volume_claims import class_of
from sampan.kinds.core.volume_matching import waits_for_consumer
from sampan.machinery.meta import Key, labels_of
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import NodeCheck, Refusal, Rejection
from sampan.scheduler.node_info import REGION, ZONE, NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState
from sampan.scheduler.volumes import Volumes

ELSEWHERE = "node(s) had no available volume zone"
_OLD_ZONE, _OLD_REGION = "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region"
_LABELS = {_OLD_ZONE: ZONE, _OLD_REGION: REGION, ZONE: ZONE, REGION: REGION}  # and what each is called today
_SEPARATOR = "__"  # of the zones of a volume that is in several


class VolumeZone:
    """A ClusterFilter."""

    name = "VolumeZone"
    events = frozenset(
        {
            ClusterEvent.NODE_ADD,
            ClusterEvent.NODE_LABELS,
            ClusterEvent.CLAIM,
            ClusterEvent.VOLUME,
            ClusterEvent.STORAGE_CLASS,
        }
    )

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes

    def prepare(self, pod: PodInfo, state: ClusterState) -> NodeCheck | Refusal | None:
        wanted: list[tuple[str, set[str]]] = []
        for use in pod.claims:
            places = None if use.ephemeral else self._places(Key(pod.namespace, use.name))
            if isinstance(places, str):
                return Refusal(self.name, places)
            wanted += places or []
        if not wanted:
            return None

        def check(node: NodeInfo) -> Rejection | None:
            if not node.labels.keys() & _LABELS.keys():  # a cluster without zones
                return None
            if all(node.labels.get(key, node.labels.get(_LABELS[key], "")) in values for key, values in wanted):
                return None
            return Rejection(self.name, (ELSEWHERE,), resolvable=False)

        return check

    def _places(self, key: Key) -> list[tuple[str, set[str]]] | str | None:
        """Where a claim's volume is, by label; or why its pod can run nowhere."""
        claim = self._volumes.claim(key)
        if claim is None:
            return f'persistentvolumeclaim "{key.name}" not found'
        name = claim["spec"].get("volumeName")
        if not name:
            return self._unbound(class_of(claim))
        volume = self._volumes.volume(name)
        if volume is None:
            return f'persistentvolume "{name}" not found'
        labels = labels_of(volume)
        return [(label, set(labels[label].split(_SEPARATOR))) for label in _LABELS if label in labels]

    def _unbound(self, name: str) -> str | None:
        if not name:
            return "PersistentVolumeClaim had no pv name and storageClass name"
        found = self._volumes.storage_class(name)
        if found is None:
            return f'storageclass.storage.k8s.io "{name}" not found'
        return None if waits_for_consumer(found) else "PersistentVolume had no name"
