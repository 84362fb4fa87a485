"""Brings definitions to life and to their end: names and conditions, and the removal of their objects.

Runs in the server, as its own client, for nothing of a definition is served before it is established. acceptance.py
decides. Upstream: k8s.io/apiextensions-apiserver/pkg/controller; the finalizer is set when the deletion begins
(kinds/apiextensions/custom_resource_definition.py).
"""

import asyncio
from collections.abc import Iterable

from sampan.apiserver.extensions.acceptance import ESTABLISHED, TERMINATING, is_true, settled, taken
from sampan.apiserver.extensions.instances import Instances
from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.kinds.apiextensions.custom_resource_definition import FINALIZER
from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.machinery.conditions import FALSE, TRUE, find, with_condition
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, is_deleting
from sampan.machinery.tree import semantic_equal
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.clock import Clock
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.manager import run_together
from sampan.reconcile.metrics import ReconcileMetrics

_REMOVING = "InstanceDeletionInProgress"
_RECHECK = after(1.0)  # while objects are on their way out


class DefinitionController(Controller):
    """Keys are the names of definitions."""

    name = "custom-resource-definition-controller"
    workers = 1  # names are given one after the other

    def __init__(self, context: Context, instances: Instances) -> None:
        super().__init__(context)
        self.instances = instances
        self.definitions = self.watch(DEFINITION, self._concerned)

    def _concerned(self, definition: Object) -> Iterable[Key]:
        """The definition, and those of its group that may be waiting for its names."""
        group = definition["spec"]["group"]
        yield Key("", definition["metadata"]["name"])
        for other in self.definitions.items():
            if other["spec"]["group"] == group:
                yield Key("", other["metadata"]["name"])

    async def reconcile(self, key: Key) -> Action:
        definition = self.definitions.get(key)
        if definition is None:
            return WAIT
        if is_deleting(definition):
            return await self._end(definition)
        others = taken(definition, self.definitions.items())
        # Beside the event loop: schemas of thousands of fields are looked through.
        status = await asyncio.to_thread(settled, definition, others, self.clock.now())
        await self._write_status(definition, status)
        return WAIT

    async def _write_status(self, definition: Object, status: Object) -> None:
        if semantic_equal(status, definition.get("status")):
            return
        written = await self.client.update(DEFINITION, {**definition, "status": status}, subresource="status")
        await self._seen(written)

    async def _seen(self, written: Object) -> None:
        """Names are given by what the informer shows; so it must show what was given."""
        while not self.definitions.has_seen(written):
            await self.clock.sleep(0)

    # The end

    async def _end(self, definition: Object) -> Action:
        if FINALIZER not in (definition["metadata"].get("finalizers") or ()):
            return WAIT
        if self.instances.are_builtin(definition):
            told = (FALSE, "OverlappingBuiltInResource", "instances overlap with built-in resources in storage")
        elif not is_true(definition, ESTABLISHED):
            told = (FALSE, "NeverEstablished", "resource was never established")
        elif _is_removing(definition) and await self.instances.remove(definition):
            told = (FALSE, "InstanceDeletionCompleted", "removed all instances")
        else:  # once this is stored, so is all that was still being made
            told = (TRUE, _REMOVING, "CustomResource deletion is in progress")
        await self._tell(definition, *told)
        return _RECHECK if told[0] == TRUE else WAIT

    async def _tell(self, definition: Object, status: str, reason: str, message: str) -> None:
        """Set the condition and, once nothing is left, let the definition go."""
        old = definition.get("status") or {}
        conditions = with_condition(
            old.get("conditions") or (), TERMINATING, status, reason, message, self.clock.now(), updates=False
        )
        try:
            if not semantic_equal(conditions, old.get("conditions")):
                changed = {**definition, "status": {**old, "conditions": conditions}}
                definition = await self.client.update(DEFINITION, changed, subresource="status")
            if status == FALSE:
                left = [name for name in definition["metadata"].get("finalizers") or () if name != FINALIZER]
                meta = {**definition["metadata"], "finalizers": left}
                await self.client.update(DEFINITION, {**definition, "metadata": meta})
        except NotFound:
            return


def _is_removing(definition: Object) -> bool:
    found = find(definition["status"].get("conditions") or (), TERMINATING)
    return found is not None and found.get("reason") == _REMOVING


async def run_definitions(client: Client, clock: Clock, instances: Instances) -> None:
    """Run the controller until cancelled."""
    informers = Informers(client, sleep=clock.sleep)
    context = Context(client, informers, clock, ReconcileMetrics(None))
    await run_together([DefinitionController(context, instances)], informers)
