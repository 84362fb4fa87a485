"""Claims and devices as the scheduler sees them: what informers show, under what pods on their way have been promised.

A promise stands from the moment that a node is chosen until the informer shows the claim with its devices, or the pod
has failed, so that no device is given away twice. One per scheduler, made by app.py.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from sampan.client.informer import Informer
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.resource.device_class import KIND as CLASS
from sampan.kinds.resource.device_taint_rule import KIND as RULE
from sampan.kinds.resource.resource_claim import KIND as CLAIM
from sampan.kinds.resource.resource_slice import KIND as SLICE
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, is_deleting, key_of
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.devices.offered import Offered
from sampan.scheduler.devices.pod_claims import allocation_of, names
from sampan.scheduler.devices.pools import DeviceId
from sampan.scheduler.pod_info import PodInfo

Happened = Callable[[set[ClusterEvent], Callable[[PodInfo], bool] | None], None]
_BY_CLAIM = "resource claims"


class _Promise(NamedTuple):
    claim: Object  # as it will be, or, once it is written, as it is
    written: bool = False


class Devices:
    """See the module. `reconsider` is told of pods that may be held, or no longer, because of their claims."""

    def __init__(
        self, follow: Callable[[Kind], Informer], happened: Happened, reconsider: Callable[[Object], None]
    ) -> None:
        self._claims, self._classes, self._pods = (follow(kind) for kind in (CLAIM, CLASS, POD))
        self.offered = Offered()
        self._pods.add_index(_BY_CLAIM, _claim_keys)
        self._happened, self._reconsider = happened, reconsider
        self._taken: Counter[DeviceId] = Counter()
        self._promises: dict[str, _Promise] = {}  # by uid of the claim
        self.changes = 0  # of anything that matters to who can have what
        self._claims.on_change(self._claim_changed)
        follow(SLICE).on_change(self._slice_changed)
        follow(RULE).on_change(self._rule_changed)
        self._classes.on_change(partial(self._changed, ClusterEvent.DEVICE_CLASS))

    # Reading

    def claim(self, key: Key) -> Object | None:
        """A claim, as it is in the API as far as is known here."""
        claim = self._claims.get(key)
        promise = self._promises.get(claim["metadata"]["uid"]) if claim is not None else None
        return promise.claim if promise is not None and promise.written else claim

    def is_promised(self, claim: Object) -> bool:
        """Whether devices are about to be written down for a claim."""
        promise = self._promises.get(claim["metadata"]["uid"])
        return promise is not None and not promise.written

    def device_class(self, name: str) -> Object | None:
        """A DeviceClass."""
        return self._classes.get(Key("", name))

    @property
    def taken(self) -> Container[DeviceId]:
        """The devices that somebody has, or has been promised."""
        return self._taken

    # Promises

    def promise(self, claims: Iterable[Object]) -> None:
        """Keep the devices of claims, as they will be."""
        self.changes += 1
        for claim in claims:
            self._promises[claim["metadata"]["uid"]] = _Promise(claim)
            self._taken.update(_devices_of(claim))

    def confirm(self, claim: Object) -> None:
        """A claim has been written: what it got is in the API, though the informer may not show it yet."""
        uid, seen = claim["metadata"]["uid"], self._claims.get(key_of(claim))
        self._drop(uid)
        if seen is not None and seen["metadata"]["uid"] == uid and not _is_at_least(seen, claim):
            self._promises[uid] = _Promise(claim, written=True)
            self._taken.update(_devices_of(claim))

    def withdraw(self, claims: Iterable[Object]) -> None:
        """Let go of what has not been written."""
        left = [claim for claim in claims if self.is_promised(claim)]
        for claim in left:
            self._drop(claim["metadata"]["uid"])
        if left:
            self._happened({ClusterEvent.RESOURCE_CLAIM}, None)

    def _drop(self, uid: str) -> None:
        self.changes += 1
        if promise := self._promises.pop(uid, None):
            self._give_back(promise.claim)

    def _give_back(self, claim: Object) -> None:
        for device in _devices_of(claim):
            self._taken[device] -= 1
            if not self._taken[device]:
                del self._taken[device]

    # What changes

    def _claim_changed(self, old: Object | None, new: Object | None) -> None:
        self.changes += 1
        if old is not None:
            self._give_back(old)
        if new is not None:
            self._taken.update(_devices_of(new))
        claim = new or old or {}
        promise = self._promises.get(claim["metadata"]["uid"])
        if promise is not None and promise.written and (new is None or _is_at_least(new, promise.claim)):
            self._drop(claim["metadata"]["uid"])
        self._tell(key_of(claim), old, new)

    def _tell(self, key: Key, old: Object | None, new: Object | None) -> None:
        if _was_let_go(old, new):
            self._happened({ClusterEvent.RESOURCE_CLAIM}, None)
        elif old is None or new is None or old.get("status") != new.get("status"):
            self._happened({ClusterEvent.RESOURCE_CLAIM}, lambda pod: _has(pod, key))
        if old is None or new is None or is_deleting(old) != is_deleting(new):
            for pod in self._pods.by(_BY_CLAIM, str(key)):
                self._reconsider(pod)

    def _slice_changed(self, old: Object | None, new: Object | None) -> None:
        self.offered.put_slice(old, new)
        self._changed(ClusterEvent.RESOURCE_SLICE, old, new)

    def _rule_changed(self, old: Object | None, new: Object | None) -> None:
        if old is None or new is None or old["spec"] != new["spec"]:
            self.offered.put_rule(old, new)
            self.changes += 1
            self._happened({ClusterEvent.RESOURCE_SLICE}, None)

    def _changed(self, event: ClusterEvent, old: Object | None, new: Object | None) -> None:
        self.changes += 1
        if new is not None:
            self._happened({event}, None)


def _claim_keys(pod: Object) -> Iterator[str]:
    namespace = pod["metadata"]["namespace"]
    return (str(Key(namespace, name)) for name in names(pod))


def _has(pod: PodInfo, claim: Key) -> bool:
    return pod.namespace == claim.namespace and claim.name in names(pod.object)


def _was_let_go(old: Object | None, new: Object | None) -> bool:
    had = old is not None and allocation_of(old) is not None
    return had and (new is None or allocation_of(new) is None)


def _devices_of(claim: Object) -> Iterator[DeviceId]:
    """The devices that nobody else can have beside a claim."""
    allocation = allocation_of(claim) or {}
    for result in (allocation.get("devices") or {}).get("results") or ():
        if not result.get("adminAccess"):
            yield DeviceId(result["driver"], result["pool"], result["device"])


def _is_at_least(seen: Object, written: Object) -> bool:
    return int(seen["metadata"]["resourceVersion"]) >= int(written["metadata"]["resourceVersion"])
