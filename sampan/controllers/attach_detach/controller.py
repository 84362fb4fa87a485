"""The shell of the controller: it looks at a node with its pods and attachments, and does what plan.py decides."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from sampan.controllers.attach_detach.attachments import (
    Volume,
    named,
    node_of,
    persistent_volume_of,
    volume_of,
)
from sampan.controllers.attach_detach.memory import Memory
from sampan.controllers.attach_detach.plan import Plan, View, in_use, is_managed, may_detach, plan, reported
from sampan.controllers.attach_detach.wanted import Wanted, World, wanted_by
from sampan.controllers.node_health import readiness
from sampan.controllers.persistent_volume.latest import Latest
from sampan.controllers.pods import is_terminated
from sampan.controllers.pvc_protection import BY_CLAIM, claims_of, index_by_claim
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.storage.csi_driver import KIND as DRIVER
from sampan.kinds.storage.volume_attachment import KIND as ATTACHMENT
from sampan.machinery.errors import AlreadyExists, NotFound
from sampan.machinery.meta import Key, Object, key_of
from sampan.machinery.tree import get_path
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller

_BY_NODE, _BY_VOLUME = "pods with claims by node", "attachments by volume"
_ATTACHMENTS_BY_NODE = "attachments by node"
_RETRY = 1.0  # seconds, where a kubelet has just begun to use what was to be detached


class AttachDetachController(Controller):
    """One key per node. One at a time: of two nodes that want a volume that only one can have, the first gets it."""

    name = "persistentvolume-attach-detach-controller"
    component = "attachdetach-controller"
    account = "attachdetach-controller"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.nodes = self.watch(NODE, matters=_node_matters)
        self.pods = self.watch(POD, _node_keys, matters=_pod_matters)
        self.claims = self.watch(CLAIM, self._of_claim)
        self.volumes = self.watch(VOLUME, self._of_volume)
        self.drivers = self.watch(DRIVER, lambda driver: map(key_of, self.nodes.items()))
        self.attachments = self.watch(ATTACHMENT, self._of_attachment)
        self.pods.add_index(_BY_NODE, lambda pod: (key.name for key in _node_keys(pod)))
        index_by_claim(self.pods)
        self.attachments.add_index(_BY_VOLUME, lambda one: [persistent_volume_of(one)])
        self.attachments.add_index(_ATTACHMENTS_BY_NODE, lambda one: [node_of(one)])
        self.latest = Latest(self.attachments)
        self.world = World(
            self.claims.get, lambda name: self.volumes.get(Key("", name)), lambda name: self.drivers.get(Key("", name))
        )
        self._memories: dict[str, Memory] = {}  # by node

    # What a change concerns

    def _of_claim(self, claim: Object) -> Iterator[Key]:
        for pod in self.pods.by(BY_CLAIM, str(key_of(claim))):
            yield from _node_keys(pod)

    def _of_volume(self, volume: Object) -> Iterator[Key]:
        """The nodes of its pods, and those to which it is attached."""
        if (ref := get_path(volume, ("spec", "claimRef"))) is not None:
            for pod in self.pods.by(BY_CLAIM, str(Key(ref.get("namespace") or "", ref.get("name") or ""))):
                yield from _node_keys(pod)
        for attachment in self.attachments.by(_BY_VOLUME, volume["metadata"]["name"]):
            yield Key("", node_of(attachment))

    def _of_attachment(self, attachment: Object) -> Iterator[Key]:
        """Its node, and others, which may have waited for it to go."""
        yield Key("", node_of(attachment))
        volume = self.volumes.get(Key("", persistent_volume_of(attachment)))
        if volume is not None:
            yield from self._of_volume(volume)

    # What there is

    async def reconcile(self, key: Key) -> Action:
        if not is_managed(self.nodes.get(key)):
            return WAIT
        memory = self._memories.setdefault(key.name, Memory())
        view = self._view(key.name, memory)
        decided = plan(view)
        for pod, event in memory.news(decided.told):
            self.recorder.event(pod, *event)
        node = await self._report(view.node, decided)
        refused = await self._detach(view, node, decided)
        await self._attach(view, decided)
        if view.node is None and not view.attachments:
            self._memories.pop(key.name, None)
        if refused:
            return after(_RETRY)
        return WAIT if decided.next_look is None else after(decided.next_look)

    def _view(self, name: str, memory: Memory) -> View:
        node = self.nodes.get(Key("", name))
        if node is not None:
            memory.used = in_use(node)
        pods = self.pods.by(_BY_NODE, name) if node is not None else ()
        wanted = wanted_by(pods, self.world)
        attachments = memory.ours(
            self._all_attachments(_ATTACHMENTS_BY_NODE, name), self._volumes(name, node, wanted), name
        )
        ages = memory.ages(wanted.keys(), attachments, self.clock.monotonic())
        return View(name, node, memory.used, wanted, attachments, partial(self._users_elsewhere, name), ages)

    def _volumes(self, name: str, node: Object | None, wanted: Iterable[Volume]) -> list[Volume]:
        """What may be attached to a node: what its pods want, what its status names, and what attachments name."""
        there = [named(one.get("name") or "") for one in (reported(node) if node is not None else ())]
        attachments = self._all_attachments(_ATTACHMENTS_BY_NODE, name)
        persistent = [self.volumes.get(Key("", persistent_volume_of(one))) for one in attachments]
        found = [*wanted, *there, *(volume_of(one) for one in persistent if one is not None)]
        return [one for one in found if one is not None]

    def _all_attachments(self, index: str, value: str) -> list[Object]:
        """As the informer has filed them, and those that we have just made."""
        filed_as = persistent_volume_of if index == _BY_VOLUME else node_of
        made = [one for one in self.latest.unseen() if filed_as(one) == value]
        return [*self.attachments.by(index, value), *made]

    def _users_elsewhere(self, node: str, wanted: Wanted) -> Sequence[Object] | None:
        others = {node_of(one) for one in self._all_attachments(_BY_VOLUME, wanted.name)} - {node}
        if not others:
            return None
        pods = [pod for other in others for pod in self.pods.by(_BY_NODE, other)]
        found = wanted_by(pods, self.world).get(wanted.volume)
        return found.pods if found else ()

    # What is done

    async def _report(self, node: Object | None, decided: Plan) -> Object | None:
        """The node as it is in the API after what is attached has been written; None where it is not known."""
        if node is None or decided.reported == reported(node):
            return None
        patch = {"status": {"volumesAttached": decided.reported or None}}
        try:
            return await self.client.patch(NODE, node["metadata"]["name"], patch, subresource="status")
        except NotFound:
            return None

    async def _detach(self, view: View, node: Object | None, decided: Plan) -> bool:
        """Whether some are not detached, as the kubelet has begun to use them. It is asked after the report is out."""
        refused = False
        for volume in decided.detach:
            if volume not in decided.forced and view.node is not None:
                node = node or await self._read(view.name)
                if node is not None and not may_detach(node, volume):
                    refused = True
                    continue
            with suppress(NotFound):
                meta = view.attachments[volume]["metadata"]
                await self.client.delete(ATTACHMENT, meta["name"], uid=meta["uid"])
        return refused

    async def _read(self, name: str) -> Object | None:
        try:
            return await self.client.get(NODE, name)
        except NotFound:
            return None

    async def _attach(self, view: View, decided: Plan) -> None:
        for wanted in decided.attach:
            with suppress(AlreadyExists):
                made = await self.client.create(ATTACHMENT, wanted.volume.attachment(wanted.name, view.name))
                self.latest.wrote(made)


def _node_keys(pod: Object) -> Iterator[Key]:
    """The node of a pod with claims."""
    if (name := pod["spec"].get("nodeName")) and any(True for _ in claims_of(pod)):
        yield Key("", name)


def _pod_matters(old: Object, new: Object) -> bool:
    return old["spec"].get("nodeName") != new["spec"].get("nodeName") or is_terminated(old) != is_terminated(new)


def _node_matters(old: Object, new: Object) -> bool:
    return _seen(old) != _seen(new)


def _seen(node: Object) -> tuple[object, ...]:
    return is_managed(node), in_use(node), reported(node), node["spec"].get("taints") or [], readiness(node)
