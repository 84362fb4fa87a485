"""The garbage collector: deletes what has lost all its owners, and carries out foreground deletion and orphaning.

graph.py knows who owns whom, `decide` says what becomes of an object once it is known which of its owners
exist. Rules: docs, Garbage Collection and Owners and Dependents; upstream's pkg/controller/garbagecollector.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from sampan.client.informer import Informer
from sampan.controllers.config import ControllerContext
from sampan.controllers.garbage_collector.graph import Graph, Node, blocking
from sampan.kinds.core.event import KIND as EVENT
from sampan.machinery.errors import NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import FOREGROUND, ORPHAN, Key, Object, key_of
from sampan.reconcile.action import WAIT, Action, TerminalError
from sampan.reconcile.controller import Controller
from sampan.reconcile.events import WARNING

COLLECTABLE = {"delete", "list", "watch"}
MAX_ABSENT = 5000


class Owner(Enum):
    """What is known of an owner."""

    SOLID = "solid"  # it is there
    WAITING = "waiting"  # it is being deleted and waits for its dependents
    DANGLING = "dangling"  # it is not there


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of an object: some references go, or it is deleted by a policy, or neither."""

    drop: frozenset[str] = frozenset()  # uids of owners
    delete: str = ""  # Background, Foreground or Orphan
    unblock: bool = False  # before deleting: let it block no owner any more, as it is part of a circle


def decide(node: Node, owners: Mapping[str, Owner], dependents: Iterable[Node]) -> Decision:
    """What becomes of an object with these owners (uid -> state), which is not itself being deleted."""
    states = set(owners.values())
    if Owner.SOLID in states:
        return Decision(drop=frozenset(uid for uid, state in owners.items() if state is not Owner.SOLID))
    below = list(dependents)
    if Owner.WAITING in states and below:
        return Decision(delete="Foreground", unblock=any(one.waits_for_dependents for one in below))
    for finalizer, policy in ((ORPHAN, "Orphan"), (FOREGROUND, "Foreground")):
        if finalizer in node.finalizers:
            return Decision(delete=policy)
    return Decision(delete="Background")


class GarbageCollector(Controller):
    """Keys are uids: Key("", uid)."""

    name = "garbage-collector-controller"
    account = "generic-garbage-collector"
    workers = 20
    rate_factor = 2.0  # as upstream: a deletion may take two requests

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.discovery = context.discovery
        self.graph = Graph()
        self.absent: dict[tuple[str, ...], None] = {}  # owners that the API has denied; they never come back
        self.followed: dict[str, Informer] = {}  # by path
        self.unmapped: set[str] = set()  # uids of objects with an owner of a kind that is not served, for now
        self.discovery.on_change(self._follow)
        for kind in self.discovery.kinds:
            if _is_collectable(kind):
                self._start(kind, self.informers.of(kind))

    async def synced(self) -> None:
        """Wait until every kind that the server has was listed."""
        await self.discovery.synced()
        for informer in list(self.followed.values()):
            await informer.synced()

    def _start(self, kind: Kind, informer: Informer) -> None:
        self.followed[kind.path()] = informer
        informer.on_change(partial(self._changed, kind))

    def _follow(self) -> None:
        """Kinds have come or gone."""
        served = {kind.path(): kind for kind in self.discovery.kinds if _is_collectable(kind)}
        for path in self.followed.keys() - served:
            informer = self.followed.pop(path)
            self.informers.forget(informer.kind)
            for obj in informer.items():
                self._changed(informer.kind, obj, None)
        for path in served.keys() - self.followed:
            self._start(served[path], self.informers.of(served[path]))
        for uid in self.unmapped:
            self.queue.add(Key("", uid))
        self.unmapped.clear()

    def _changed(self, kind: Kind, old: Object | None, new: Object | None) -> None:
        for uid in self.graph.change(kind, old, new):
            self.queue.add(Key("", uid))

    async def reconcile(self, key: Key) -> Action:
        node = self.graph.get(key.name)
        if node is None:
            return WAIT
        if node.orphans_dependents:
            await self._orphan(node)
        elif node.waits_for_dependents:
            await self._delete_dependents(node)
        elif node.owners and not node.is_deleting:
            await self._attempt_to_delete(node)
        return WAIT

    # Objects that are being deleted

    async def _orphan(self, node: Node) -> None:
        for dependent in self.graph.dependents(node.uid):
            await self._drop_owners(dependent, frozenset((node.uid,)))
        await self._drop_finalizer(node, ORPHAN)

    async def _delete_dependents(self, node: Node) -> None:
        blockers = blocking(self.graph.dependents(node.uid), node.uid)
        if not blockers:
            await self._drop_finalizer(node, FOREGROUND)
        for dependent in blockers:
            if not dependent.waits_for_dependents:
                self.queue.add(Key("", dependent.uid))

    async def _drop_finalizer(self, node: Node, finalizer: str) -> None:
        meta = node.object["metadata"]
        left = [name for name in node.finalizers if name != finalizer]
        patch = {"metadata": {"resourceVersion": meta["resourceVersion"], "uid": meta["uid"], "finalizers": left}}
        await self._patch(node, patch)

    # Objects that may have lost their owners

    async def _attempt_to_delete(self, node: Node) -> None:
        fresh = await self._fresh(node)
        if fresh is None or not fresh.owners or fresh.is_deleting:
            return
        owners = {ref["uid"]: await self._state(fresh, ref) for ref in fresh.owners}
        decision = decide(fresh, owners, self.graph.dependents(node.uid))
        if decision.drop:
            await self._drop_owners(fresh, decision.drop)
        if decision.unblock:
            fresh = await self._unblock(fresh) or fresh
        if decision.delete:
            await self._delete(fresh, decision.delete)

    async def _fresh(self, node: Node) -> Node | None:
        """The object as it is now, not as an informer last saw it; None if it has gone or been replaced."""
        key = key_of(node.object)
        try:
            found = await self.client.get(node.kind, key.name, key.namespace)
        except NotFound:
            return None
        return Node(node.kind, found) if found["metadata"]["uid"] == node.uid else None

    async def _state(self, node: Node, ref: Object) -> Owner:
        """Ask the graph, and, before anything is deleted for want of an owner, the API.

        A reference with the right uid and a wrong name or kind leads nowhere: only the API can tell.
        """
        known = self.graph.get(ref["uid"])
        if known is not None and _may_own(known, node) and _is_named(known, ref):
            return Owner.WAITING if known.waits_for_dependents else Owner.SOLID
        if known is not None and not _may_own(known, node):
            self._tell_wrong_namespace(node, ref)
            _check_scopes(node, known.kind, ref)
            return Owner.DANGLING
        # Not by uid alone: a wrong reference to an owner, by a wrong name, must not deny it to those that know it.
        asked = (ref["uid"], ref["apiVersion"], ref["kind"], node.namespace, ref["name"])
        if asked in self.absent:
            return Owner.DANGLING
        state = await self._ask(node, ref)
        if state is Owner.DANGLING:
            self._deny(asked)
        return state

    async def _ask(self, node: Node, ref: Object) -> Owner:
        kind = self.discovery.find(ref["apiVersion"], ref["kind"])
        if kind is None:
            self.unmapped.add(node.uid)
            raise TerminalError(f"the kind of the owner {ref['apiVersion']} {ref['kind']} is not known")
        _check_scopes(node, kind, ref)
        namespace = node.namespace if kind.namespaced else ""
        try:
            owner = Node(kind, await self.client.get(kind, ref["name"], namespace))
        except NotFound:
            return Owner.DANGLING
        if owner.uid != ref["uid"]:
            return Owner.DANGLING
        return Owner.WAITING if owner.waits_for_dependents else Owner.SOLID

    def _deny(self, owner: tuple[str, ...]) -> None:
        self.absent[owner] = None
        if len(self.absent) > MAX_ABSENT:
            del self.absent[next(iter(self.absent))]

    def _tell_wrong_namespace(self, node: Node, ref: Object) -> None:
        what = f"{ref['apiVersion']}/{ref['kind']}, namespace: {node.namespace}, name: {ref['name']}, uid: {ref['uid']}"
        message = f'ownerRef [{what}] does not exist in namespace "{node.namespace}"'
        self.recorder.event(node.object, WARNING, "OwnerRefInvalidNamespace", message)

    # Writing

    async def _drop_owners(self, node: Node, uids: frozenset[str]) -> None:
        left = [ref for ref in node.owners if ref["uid"] not in uids]
        if len(left) != len(node.owners):
            await self._patch(node, _owner_patch(node, left))

    async def _unblock(self, node: Node) -> Node | None:
        refs = [{**ref, "blockOwnerDeletion": False} for ref in node.owners]
        return await self._patch(node, _owner_patch(node, refs))

    async def _patch(self, node: Node, patch: dict[str, Any]) -> Node | None:
        """A merge patch, conditional on the form that was decided upon; None if the object is gone."""
        key = key_of(node.object)
        try:
            return Node(node.kind, await self.client.patch(node.kind, key.name, patch, key.namespace))
        except NotFound:
            return None

    async def _delete(self, node: Node, policy: str) -> None:
        key, meta = key_of(node.object), node.object["metadata"]
        with suppress(NotFound):
            await self.client.delete(
                node.kind,
                key.name,
                key.namespace,
                propagation=policy,
                uid=meta["uid"],
                resource_version=meta["resourceVersion"],
            )


def _is_collectable(kind: Kind) -> bool:
    return kind is not EVENT and set(kind.verbs) >= COLLECTABLE


def _owner_patch(node: Node, refs: list[Object]) -> dict[str, Any]:
    meta = node.object["metadata"]
    return {"metadata": {"resourceVersion": meta["resourceVersion"], "uid": meta["uid"], "ownerReferences": refs}}


def _may_own(owner: Node, dependent: Node) -> bool:
    """Owners are cluster-scoped or live in the namespace of their dependents."""
    return not owner.namespace or owner.namespace == dependent.namespace


def _is_named(owner: Node, ref: Object) -> bool:
    """Whether a reference names the object that has its uid, in whichever version."""
    group = ref["apiVersion"].rpartition("/")[0]
    same_kind = ref["kind"] == owner.kind.name and any(version.group == group for version in owner.kind.versions)
    return same_kind and bool(ref["name"] == owner.object["metadata"]["name"])


def _check_scopes(node: Node, owner: Kind, ref: Object) -> None:
    """A cluster-scoped object with a namespaced owner is never collected: in which namespace should one look?"""
    if owner.namespaced and not node.namespace:
        raise TerminalError(f"{node.object['metadata']['name']} is cluster-scoped, but its owner {ref} is not")
