"""What happens in a cluster that may let a rejected pod be scheduled.

state.py says which of these a change amounts to, plugins name those that could help their rejected pods, and queue.py
brings the two together (the QueueingHint of the scheduling framework, without its functions).
"""

from enum import Enum, auto


class ClusterEvent(Enum):
    """One such happening."""

    NODE_ADD = auto()
    NODE_REMOVE = auto()
    NODE_LABELS = auto()
    NODE_TAINTS = auto()
    NODE_ALLOCATABLE = auto()
    POD_ADD = auto()  # an assigned pod, as are the next two
    POD_LABELS = auto()
    POD_REMOVE = auto()
    CLAIM = auto()  # PersistentVolumeClaims; these and the following come, change or go
    VOLUME = auto()
    STORAGE_CLASS = auto()
    CSI_NODE = auto()
    CSI_DRIVER = auto()
    CSI_CAPACITY = auto()
    VOLUME_ATTACHMENT = auto()
    RESOURCE_CLAIM = auto()
    DEVICE_CLASS = auto()
    RESOURCE_SLICE = auto()  # and taints of devices
