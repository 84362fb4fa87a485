"""NodeVolumeLimits: a CSI driver attaches only so many volumes to a node, as the node's CSINode says.

Rules: docs, Node-specific Volume Limits; upstream's nodevolumelimits plugin (KEP-554), without the in-tree plugins that
have been migrated to CSI.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from sampan.kinds.core.volume_claims import class_of
from sampan.machinery.meta import Key, Object
from sampan.machinery.tree import get_path
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import NodeCheck, Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState
from sampan.scheduler.volumes import Volumes

TOO_MANY = "node(s) exceed max volume count"
Attachable = dict[str, str]  # what tells a volume from others -> its driver


class NodeVolumeLimits:
    """A ClusterFilter."""

    name = "NodeVolumeLimits"
    events = frozenset(
        {
            ClusterEvent.NODE_ADD,
            ClusterEvent.POD_REMOVE,
            ClusterEvent.CLAIM,
            ClusterEvent.CSI_NODE,
            ClusterEvent.VOLUME_ATTACHMENT,
        }
    )

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes

    def prepare(self, pod: PodInfo, state: ClusterState) -> NodeCheck | None:
        new = dict(self._attachable(pod))
        return (lambda node: self._check(new, node)) if new else None

    def _check(self, new: Attachable, node: NodeInfo) -> Rejection | None:
        csi_node = self._volumes.csi_node(node.name)
        if missing := self._missing_driver(new, csi_node):
            return Rejection(self.name, (f"{missing} CSI driver is not installed on the node",))
        limits = _limits(csi_node)
        if not limits.keys() & set(new.values()):
            return None
        there = dict(found for pod in node.pods.values() for found in self._attachable(pod)) | self._attached(node)
        count = Counter((there | new).values())
        added = {driver for volume, driver in new.items() if volume not in there}
        if any(count[driver] > limits[driver] for driver in added & limits.keys()):
            return Rejection(self.name, (TOO_MANY,))
        return None

    def _attachable(self, pod: PodInfo) -> Iterator[tuple[str, str]]:
        for use in pod.claims:
            claim = self._volumes.claim(Key(pod.namespace, use.name))
            volume = self._volumes.volume(claim["spec"].get("volumeName") or "") if claim else None
            if source := get_path(volume or {}, ("spec", "csi")):
                yield f"{source['driver']}/{source['volumeHandle']}", source["driver"]
            elif claim and volume is None and (made_by := self._volumes.storage_class(class_of(claim))):
                yield f"{pod.namespace}/{use.name}", made_by["provisioner"]

    def _attached(self, node: NodeInfo) -> Attachable:
        """What is attached although no pod that is known here uses it."""
        found = {}
        for attachment in self._volumes.attachments(node.name):
            name = get_path(attachment, ("spec", "source", "persistentVolumeName"), "")
            if source := get_path(self._volumes.volume(name) or {}, ("spec", "csi")):
                found[f"{source['driver']}/{source['volumeHandle']}"] = source["driver"]
        return found

    def _missing_driver(self, new: Attachable, csi_node: Object | None) -> str:
        installed = {driver["name"] for driver in get_path(csi_node or {}, ("spec", "drivers"), ())}
        for name in set(new.values()) - installed:
            if get_path(self._volumes.driver(name) or {}, ("spec", "preventPodSchedulingIfMissing")):
                return name
        return ""


def _limits(csi_node: Object | None) -> Mapping[str, int]:
    drivers = get_path(csi_node or {}, ("spec", "drivers"), ())
    counts = {driver["name"]: get_path(driver, ("allocatable", "count")) for driver in drivers}
    return {name: count for name, count in counts.items() if count is not None}
