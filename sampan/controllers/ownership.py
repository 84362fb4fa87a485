"""Controllers and what they control: finding it, adopting what has no controller, releasing what no longer matches.

The rules are those of upstream's ControllerRefManager; the decision (`claim`) is pure, `take_over` carries it out. Used
by the controllers of ReplicaSets, ReplicationControllers, Deployments, StatefulSets, DaemonSets and Jobs.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sampan.client.api import Client
from sampan.client.informer import Informer
from sampan.machinery.errors import Invalid, NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, controller_of, controller_ref, is_deleting, key_of, labels_of
from sampan.machinery.selectors import Selector
from sampan.reconcile.controller import KeysOf, owned_by

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


def owned_or_claimable(informer: Informer, owner: Object) -> list[Object]:
    """What the owner controls, and what nobody controls in its namespace (an informer with index_by_controller)."""
    meta = owner["metadata"]
    orphans = informer.by(CONTROLLER_INDEX, _orphans(meta["namespace"]))
    return informer.by(CONTROLLER_INDEX, meta["uid"]) + orphans


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


async def take_over(client: Client, owner_kind: Kind, owner: Object, kind: Kind, claimed: Claim) -> list[Object]:
    """Adopt and release as claimed; what is owned afterwards, with adopted objects in their new form.

    Raises Conflict (of the owner) where the owner has been deleted or replaced meanwhile.
    """
    if claimed.adopt:
        await _assert_alive(client, owner_kind, owner)
    for obj in claimed.release:
        await _release(client, kind, obj, owner["metadata"]["uid"])
    adopted = [await _adopt(client, kind, obj, owner) for obj in claimed.adopt]
    return claimed.owned + [obj for obj in adopted if obj is not None]


async def _assert_alive(client: Client, kind: Kind, owner: Object) -> None:
    """The informer's copy may be old: an owner that is gone must not get children."""
    key = key_of(owner)
    fresh = await client.get(kind, key.name, key.namespace)
    if fresh["metadata"]["uid"] != owner["metadata"]["uid"]:
        raise NotFound(f"original {kind.name} {key} is gone: its uid has changed")
    if is_deleting(fresh):
        raise NotFound(f"{key} has just been deleted at {fresh['metadata']['deletionTimestamp']}")


async def _adopt(client: Client, kind: Kind, obj: Object, owner: Object) -> Object | None:
    patch = {"metadata": {"uid": obj["metadata"]["uid"], "ownerReferences": [controller_ref(owner)]}}
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


def owner_or_candidates(kind: Kind, owners: Informer, selector_of: Callable[[Object], Selector]) -> KeysOf:
    """Maps an object to its controller of `kind`; an orphan to all that select it and so might adopt it.

    `owners` needs index_by_namespace.
    """
    to_owner = owned_by(kind)

    def keys(obj: Object) -> Iterable[Key]:
        if controller_of(obj) is not None:
            return to_owner(obj)
        candidates = owners.by(NAMESPACE_INDEX, obj["metadata"].get("namespace", ""))
        return [key_of(owner) for owner in candidates if selector_of(owner).matches(labels_of(obj))]

    return keys
