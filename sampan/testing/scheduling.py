"""The scheduler's decisions alone, without an API server: for its tests and benchmarks."""

from collections.abc import Callable, Mapping
from typing import Any

from sampan.client.api import Client
from sampan.client.informer import Informer
from sampan.machinery.selectors import Selector
from sampan.scheduler.devices.store import Devices
from sampan.scheduler.handle import Handle
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.volumes import Volumes
from sampan.testing.clock import VirtualClock


class Nowhere:
    """A transport that nobody is to use."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name}: there is no API server")


def unconnected(
    owner_selector: Callable[[PodInfo], Selector | None] = lambda pod: None,
    namespace_labels: Callable[[str], Mapping[str, str]] = lambda name: {},
) -> Handle:
    """A handle that shows neither claims nor volumes nor devices."""
    client = Client(Nowhere())
    volumes = Volumes(lambda kind: Informer(client, kind), lambda events, concerns: None)
    devices = Devices(lambda kind: Informer(client, kind), lambda events, concerns: None, lambda pod: None)
    return Handle(client, VirtualClock(), volumes, devices, owner_selector, namespace_labels)
