"""Claims and volumes as the scheduler sees them: what informers show, under what pods on their way have been promised.

A promise stands from the moment that a node is chosen until the pod is bound or has failed, so that the next pod does
not count on the same volume. One per scheduler, made by app.py; the plugins for volumes share it.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from sampan.client.informer import Informer
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.volume_claims import class_of
from sampan.kinds.storage.csi_driver import KIND as DRIVER
from sampan.kinds.storage.csi_node import KIND as CSI_NODE
from sampan.kinds.storage.csi_storage_capacity import KIND as CAPACITY
from sampan.kinds.storage.storage_class import KIND as STORAGE_CLASS
from sampan.kinds.storage.volume_attachment import KIND as ATTACHMENT
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, key_of
from sampan.machinery.tree import get_path
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.pod_info import PodInfo

Happened = Callable[[set[ClusterEvent], Callable[[PodInfo], bool] | None], None]
_CLASS, _NODE = "storage class", "node"


class Volumes:
    """Lists, promises, and who waits for claims."""

    def __init__(self, follow: Callable[[Kind], Informer], happened: Happened) -> None:
        self._claims, self._volumes, self._classes = follow(CLAIM), follow(VOLUME), follow(STORAGE_CLASS)
        self._csi_nodes, self._drivers = follow(CSI_NODE), follow(DRIVER)
        self._capacities, self._attachments = follow(CAPACITY), follow(ATTACHMENT)
        self._volumes.add_index(_CLASS, lambda volume: (class_of(volume),))
        self._capacities.add_index(_CLASS, lambda capacity: (capacity.get("storageClassName", ""),))
        self._attachments.add_index(_NODE, lambda attachment: (attachment["spec"].get("nodeName", ""),))
        self._promised: dict[str, Object] = {}  # volumes, as they will be
        self._selected: dict[Key, Object] = {}  # claims, as they will be
        self._waiting: dict[Key, set[asyncio.Event]] = {}
        self._happened = happened
        self._claims.on_change(self._claim_changed)
        self._volumes.on_change(self._volume_changed)
        for informer, event in self._events():
            informer.on_change(partial(self._changed, event))

    def _events(self) -> Iterator[tuple[Informer, ClusterEvent]]:
        yield self._classes, ClusterEvent.STORAGE_CLASS
        yield self._csi_nodes, ClusterEvent.CSI_NODE
        yield self._drivers, ClusterEvent.CSI_DRIVER
        yield self._capacities, ClusterEvent.CSI_CAPACITY
        yield self._attachments, ClusterEvent.VOLUME_ATTACHMENT

    # Reading: as it will be

    def claim(self, key: Key) -> Object | None:
        """A claim, with the node that has been selected for it."""
        return self._selected.get(key) or self._claims.get(key)

    def volume(self, name: str) -> Object | None:
        """A volume, with the claim that it has been promised to."""
        return self._promised.get(name) or self._volumes.get(Key("", name))

    def of_class(self, name: str) -> list[Object]:
        """The volumes of a StorageClass, "" for those without one."""
        found = self._volumes.by(_CLASS, name)
        return [self._promised.get(volume["metadata"]["name"], volume) for volume in found]

    # Reading: as it is

    def stored_claim(self, key: Key) -> Object | None:
        """A claim as the API server has it."""
        return self._claims.get(key)

    def stored_volume(self, name: str) -> Object | None:
        """A volume as the API server has it."""
        return self._volumes.get(Key("", name))

    def storage_class(self, name: str) -> Object | None:
        """A StorageClass."""
        return self._classes.get(Key("", name))

    def driver(self, name: str) -> Object | None:
        """A CSIDriver."""
        return self._drivers.get(Key("", name))

    def csi_node(self, name: str) -> Object | None:
        """What a node's kubelet knows of CSI drivers."""
        return self._csi_nodes.get(Key("", name))

    def capacities(self, storage_class: str) -> list[Object]:
        """What drivers say is left for a StorageClass, by topology."""
        return self._capacities.by(_CLASS, storage_class)

    def attachments(self, node: str) -> list[Object]:
        """What is attached to a node, or is to be."""
        return self._attachments.by(_NODE, node)

    # Promises

    def promise(self, volumes: Iterable[Object], claims: Iterable[Object]) -> None:
        """Show these in place of what is stored."""
        self._promised |= {volume["metadata"]["name"]: volume for volume in volumes}
        self._selected |= {key_of(claim): claim for claim in claims}

    def withdraw(self, volumes: Iterable[Object], claims: Iterable[Object]) -> None:
        """Show what is stored again."""
        for volume in volumes:
            self._promised.pop(volume["metadata"]["name"], None)
        for claim in claims:
            self._selected.pop(key_of(claim), None)

    # Waiting

    @contextmanager
    def watched(self, claims: Collection[Key]) -> Iterator[asyncio.Event]:
        """An event that is set whenever one of some claims, or its volume, changes."""
        event = asyncio.Event()
        for key in claims:
            self._waiting.setdefault(key, set()).add(event)
        try:
            yield event
        finally:
            for key in claims:
                self._waiting[key].discard(event)
                if not self._waiting[key]:
                    del self._waiting[key]

    def _claim_changed(self, old: Object | None, new: Object | None) -> None:
        key = key_of(new or old or {})
        self._wake(key)
        self._happened({ClusterEvent.CLAIM}, lambda pod: pod.namespace == key.namespace and pod.uses_claim(key.name))

    def _volume_changed(self, old: Object | None, new: Object | None) -> None:
        for volume in (old, new):
            ref = get_path(volume or {}, ("spec", "claimRef"), {})
            self._wake(Key(ref.get("namespace", ""), ref.get("name", "")))
        self._happened({ClusterEvent.VOLUME}, None)

    def _changed(self, event: ClusterEvent, old: Object | None, new: Object | None) -> None:
        self._happened({event}, None)

    def _wake(self, key: Key) -> None:
        for event in self._waiting.get(key, ()):
            event.set()
