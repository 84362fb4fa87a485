"""What plugins are made from: the cluster as informers show it, and the means to act on it. Made by app.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sampan.client.api import Client
from sampan.machinery.selectors import Selector
from sampan.reconcile.clock import Clock
from sampan.scheduler.devices.store import Devices
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.volumes import Volumes


@dataclass(frozen=True, slots=True)
class Handle:
    """One per scheduler, shared by the plugins of all its profiles. Pure plugins take of it only what they read."""

    client: Client
    clock: Clock
    volumes: Volumes
    devices: Devices
    owner_selector: Callable[[PodInfo], Selector | None]  # of all that a pod belongs to (owners.py)
    namespace_labels: Callable[[str], Mapping[str, str]]
