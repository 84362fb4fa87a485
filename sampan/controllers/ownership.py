"""Controllers and what they control: finding it, adopting what has no controller, releasing what no longer matches.

The rules are those of upstream's ControllerRefManager; the decision (`claim`) is pure, `Children` carries it out. Used
by the controllers of ReplicaSets, ReplicationControllers, Deployments, DaemonSets and Jobs.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sampan.client.api import Client
from sampan.client.informer import Informer
from sampan.controllers.own_writes import OwnWrites
from sampan.machinery.errors import Invalid, NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, controller_of, controller_ref, is_deleting, key_of, labels_of
from sampan.machinery.selectors import Selector
from sampan.reconcile.controller import Controller, KeysOf, owned_by

log = logging.getLogger(__name__)

CONTROLLER_INDEX = "controller"
NAMESPACE_INDEX = "namespace"


def index_by_controller(informer: Informer) -> None:
    """File objects under the uid of their controller, or among the orphans of their namespace."""
    informer.add_index(CONTROLLER_INDEX, _controller_values)


def index_by_namespace(informer: Informer) -> None:
    """File objects under their namespace."""
    informer.add_index(NAMESPACE_INDEX, lambda obj: (obj["metadata"].get("namespace", ""),))


def _controller_values(obj: Object) -> Iterable[str]:
    owner = controller_of(obj)
    return (owner.uid if owner else _orphans(obj["metadata"].get("namespace", "")),)


def _orphans(namespace: str) -> str:
    return f"orphans of {namespace}"


@dataclass(frozen=True, slots=True)
class Claim:
    """What an owner controls now (`owned`), and what changes hands."""

    owned: list[Object]
    adopt: list[Object]
    release: list[Object]


def claim(owner: Object, selector: Selector, found: Iterable[Object]) -> Claim:
    """Sort what was found: an owner that is being deleted neither adopts nor releases, and nobody adopts the dying."""
    claimed = Claim([], [], [])
    for obj in found:
        ref, matches = controller_of(obj), selector.matches(labels_of(obj))
        if ref is not None and ref.uid == owner["metadata"]["uid"]:
            _keep_or_release(claimed, owner, obj, matches)
        elif ref is None and matches and not is_deleting(owner) and not is_deleting(obj):
            claimed.adopt.append(obj)
    return claimed


def _keep_or_release(claimed: Claim, owner: Object, obj: Object, matches: bool) -> None:
    if matches:
        claimed.owned.append(obj)
    elif not is_deleting(owner):
        claimed.release.append(obj)


class Children:
    """The objects of one kind that those of another control; `watch`es them for a controller, by the owners' keys."""

    def __init__(
        self,
        controller: Controller,
        owners: Informer,
        kind: Kind,
        selector_of: Callable[[Object], Selector],
        finalizers: Sequence[str] = (),
    ) -> None:
        """`finalizers` are given to what is adopted."""
        self.informer = controller.informers.of(kind)
        self.writes = OwnWrites(self.informer)
        self._client = controller.client
        self._owners = owners
        self._selector_of = selector_of
        self._finalizers = {"finalizers": list(finalizers)} if finalizers else {}
        index_by_namespace(owners)
        index_by_controller(self.informer)
        controller.watch(kind, self._owner_or_candidates(owned_by(owners.kind)))

    def _owner_or_candidates(self, to_owner: KeysOf) -> KeysOf:
        """An object concerns its controller; an orphan all that select it and so might adopt it."""

        def keys(obj: Object) -> Iterable[Key]:
            if controller_of(obj) is not None:
                return to_owner(obj)
            candidates = self._owners.by(NAMESPACE_INDEX, obj["metadata"].get("namespace", ""))
            return [key_of(owner) for owner in candidates if self._selector_of(owner).matches(labels_of(obj))]

        return keys

    async def of(self, owner: Object, concerns: Callable[[Object], bool] = lambda obj: True) -> list[Object]:
        """What the owner controls of what `concerns` it, once it has adopted and released what it has to.

        Adopted objects are in their new form. Raises NotFound where there is something to adopt, but the owner has
        been deleted or replaced.
        """
        meta = owner["metadata"]
        there = self.informer.by(CONTROLLER_INDEX, meta["uid"])
        orphans = self.informer.by(CONTROLLER_INDEX, _orphans(meta["namespace"]))
        found = claim(owner, self._selector_of(owner), filter(concerns, there + orphans))
        kind = self.informer.kind
        if found.adopt:
            await _assert_alive(self._client, self._owners.kind, owner)
        for obj in found.release:
            await _release(self._client, kind, obj, meta["uid"])
        adopted = [await _adopt(self._client, kind, obj, owner, self._finalizers) for obj in found.adopt]
        return found.owned + [obj for obj in adopted if obj is not None]


async def _assert_alive(client: Client, kind: Kind, owner: Object) -> None:
    """The informer's copy may be old: an owner that is gone must not get children."""
    key = key_of(owner)
    fresh = await client.get(kind, key.name, key.namespace)
    if fresh["metadata"]["uid"] != owner["metadata"]["uid"]:
        raise NotFound(f"original {kind.name} {key} is gone: its uid has changed")
    if is_deleting(fresh):
        raise NotFound(f"{key} has just been deleted at {fresh['metadata']['deletionTimestamp']}")


async def _adopt(client: Client, kind: Kind, obj: Object, owner: Object, more: Object) -> Object | None:
    patch = {"metadata": {"uid": obj["metadata"]["uid"], "ownerReferences": [controller_ref(owner)], **more}}
    try:
        return await _patch(client, kind, obj, patch)
    except NotFound:
        return None


async def _release(client: Client, kind: Kind, obj: Object, owner_uid: str) -> None:
    gone = {"$patch": "delete", "uid": owner_uid}
    patch = {"metadata": {"uid": obj["metadata"]["uid"], "ownerReferences": [gone]}}
    try:
        await _patch(client, kind, obj, patch)
    except (NotFound, Invalid) as error:
        log.debug("%s needed no release: %s", key_of(obj), error)


async def _patch(client: Client, kind: Kind, obj: Object, patch: Object) -> Object:
    key = key_of(obj)
    return await client.patch(kind, key.name, patch, key.namespace, type="strategic")
