"""Counts what the objects of a namespace use, and writes it into the namespace's quotas.

Admission charges quotas before objects are stored; what goes, and what was charged and then not stored, is given back
here. Kinds are followed once some quota names them. Rules: docs, "Resource Quotas"; upstream's
pkg/controller/resourcequota.
"""

import asyncio
from functools import partial

from sampan.client.informer import Informer
from sampan.controllers.config import ControllerContext
from sampan.controllers.ownership import NAMESPACE_INDEX, index_by_namespace
from sampan.controllers.resource_quota import plan
from sampan.kinds.core.pod_resources import Resources, add
from sampan.kinds.core.resource_quota import KIND as QUOTA
from sampan.kinds.quota.evaluator import Evaluator
from sampan.machinery.errors import NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, is_deleting, key_of
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Controller

RESYNC = 300.0  # seconds after which everything is counted again
# Between charging a quota and storing the object lies a moment in which counting would find too little.
SETTLE = 1.0
_SYNC = 30.0
_TURN = 100  # objects that are counted before others get a turn


class ResourceQuotaController(Controller):
    """One key per quota."""

    name = "resourcequota-controller"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.discovery = context.discovery
        self.discovery.on_change(self._kinds_changed)
        self.quotas = self.watch(QUOTA, matters=plan.needs_count)
        index_by_namespace(self.quotas)
        self.quotas.on_change(self._quota_changed)
        self._followed: dict[str, Informer] = {}  # by path
        self._charged: dict[Key, float] = {}  # when quotas were charged last

    async def background(self) -> None:
        while True:
            await self.clock.sleep(RESYNC)
            self._count_all()

    def _count_all(self) -> None:
        for quota in self.quotas.items():
            self.queue.add(key_of(quota))

    def _kinds_changed(self) -> None:
        """Kinds have come or gone; the informers of those that went have ended."""
        served = {kind.path() for kind in self.discovery.kinds}
        for path in self._followed.keys() - served:
            self.informers.forget(self._followed.pop(path).kind)
        self._count_all()

    async def reconcile(self, key: Key) -> Action:
        quota = self.quotas.get(key)
        if quota is None or is_deleting(quota):
            return WAIT
        found: Resources = {}
        for kind, evaluator in list(plan.measured(quota, self.discovery.kinds)):
            informer = await self._follow(kind, evaluator)
            add(found, await self._count(quota, evaluator, informer.by(NAMESPACE_INDEX, key.namespace)))
        wanted = plan.status(quota, found)
        if wanted == {"hard": {}, "used": {}, **(quota.get("status") or {})} and quota.get("status"):
            return WAIT
        wait = self._charged.get(key, -SETTLE) + SETTLE - self.clock.monotonic()
        if wait > 0 and plan.is_lower(wanted, quota):
            return after(wait)
        await self._write({**quota, "status": wanted})
        return WAIT

    async def _write(self, quota: Object) -> None:
        """Conditional on what was read: a charge in between is not lost."""
        try:
            await self.client.update(QUOTA, quota, subresource="status")
        except NotFound:
            return

    async def _count(self, quota: Object, evaluator: Evaluator, objects: list[Object]) -> Resources:
        total: Resources = {}
        for start in range(0, len(objects) or 1, _TURN):
            add(total, plan.used_by(quota, evaluator, objects[start : start + _TURN], self.clock.now()))
            await asyncio.sleep(0)
        return total

    async def _follow(self, kind: Kind, evaluator: Evaluator) -> Informer:
        """The synced informer of a kind whose changes replenish quotas."""
        informer = self._followed.get(kind.path())
        if informer is None:
            informer = self._followed[kind.path()] = self.informers.of(kind)
            index_by_namespace(informer)
            informer.on_change(partial(self._changed, evaluator))
        async with asyncio.timeout(_SYNC):  # a kind that goes away meanwhile never syncs
            await informer.synced()
        return informer

    def _quota_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            self._charged.pop(key_of(old or {}), None)
        elif old is not None and plan.has_risen(old, new):
            self._charged[key_of(new)] = self.clock.monotonic()
            self.queue.add_after(key_of(new), 2 * SETTLE)  # whether what was charged was stored

    def _changed(self, evaluator: Evaluator, old: Object | None, new: Object | None) -> None:
        """Whatever goes, or needs less, replenishes the quotas of its namespace."""
        if old is None or (new is not None and not evaluator.frees(old, new, self.clock.now())):
            return
        for quota in self.quotas.by(NAMESPACE_INDEX, old["metadata"]["namespace"]):
            if evaluator.tracked(quota["spec"].get("hard") or {}):
                self.queue.add(key_of(quota))
