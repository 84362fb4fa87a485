"""What all pod workers of a kubelet share, handed around as one value. Made by app.py."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sampan.client.api import Client
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.cri import CRI
from sampan.kubelet.dns import Resolver
from sampan.kubelet.handlers import Handlers
from sampan.kubelet.images import Images
from sampan.kubelet.podspec import field_path
from sampan.kubelet.probe_metrics import ProbeMetrics
from sampan.kubelet.resize.ledger import Ledger
from sampan.kubelet.runtime import Runtime
from sampan.kubelet.sources import SourceReader
from sampan.kubelet.volumes.manager import Volumes
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock
from sampan.reconcile.events import EventRecorder

# Of many new pods the first ones then run early, instead of all at the end; containers never wait behind sandboxes.
SANDBOXES_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletContext:
    """See the module."""

    client: Client
    config: KubeletConfig
    clock: Clock
    cri: CRI
    handlers: Handlers
    runtime: Runtime
    images: Images
    ledger: Ledger
    volumes: Volumes
    sources: SourceReader
    recorder: EventRecorder
    resolver: Resolver  # the node's own
    memory_capacity: int  # bytes
    service_env: Callable[[Object], Mapping[str, str]]  # of a pod
    allocatable: Callable[[], Mapping[str, str]]  # of the node
    probe_metrics: ProbeMetrics = field(default_factory=ProbeMetrics)
    sandbox_slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SANDBOXES_AT_ONCE))

    def tell(self, pod: Object, type_: str, reason: str, message: str, container: str = "") -> None:
        """Record an event about a pod or one of its containers."""
        where = field_path(pod, container) if container else ""
        self.recorder.event(pod, type_, reason, message, field_path=where)
