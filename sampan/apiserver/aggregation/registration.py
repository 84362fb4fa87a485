"""Registers what this server serves itself: an APIService for each built-in version once after a start, and for each
version of a CustomResourceDefinition as long as there is one. wanted.py decides.

Runs after the server is ready: nothing of its own depends on these objects, but people list them.
"""

from collections.abc import Iterable

from sampan.apiserver.aggregation.wanted import (
    Step,
    builtin_api_services,
    custom_api_service,
    name_of,
    place_of,
    served_by,
    step,
)
from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.kinds.apiregistration.api_service import KIND as API_SERVICE
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.errors import AlreadyExists, Conflict, NotFound
from sampan.machinery.meta import Key, Object
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller


class RegistrationController(Controller):
    """Keys are the names of APIServices."""

    name = "autoregister-controller"

    def __init__(self, context: Context, catalogue: Catalogue) -> None:
        super().__init__(context)
        self._builtin = builtin_api_services(catalogue)
        self._at_start: frozenset[str] = frozenset()
        self._done: set[str] = set()
        self._api_services = self.watch(API_SERVICE)
        self._definitions = self.watch(DEFINITION, _concerned)
        for name in self._builtin:
            self.queue.add(Key("", name))

    async def synced(self) -> None:
        await super().synced()
        self._at_start = frozenset(one["metadata"]["name"] for one in self._api_services.items())

    async def reconcile(self, key: Key) -> Action:
        current, name = self._api_services.get(key), key.name
        wanted = self._wanted(name)
        what = step(current, wanted, at_start=name in self._at_start, done=name in self._done)
        try:
            await self._do(what, current, wanted)
        except (AlreadyExists, Conflict, NotFound):
            return WAIT  # changed in between, of which the informer tells
        self._done.add(name)
        return WAIT

    def _wanted(self, name: str) -> Object | None:
        return self._builtin.get(name) or custom_api_service(place_of(name), self._definitions.items())

    async def _do(self, what: Step, current: Object | None, wanted: Object | None) -> None:
        if what is Step.CREATE and wanted:
            await self.client.create(API_SERVICE, wanted)
        elif what is Step.UPDATE and current and wanted:
            await self.client.update(API_SERVICE, {**current, "spec": wanted["spec"]})
        elif what is Step.DELETE and current:
            meta = current["metadata"]
            await self.client.delete(API_SERVICE, meta["name"], uid=meta["uid"])


def _concerned(definition: Object) -> Iterable[Key]:
    return [Key("", name_of(place)) for place in served_by([definition])]
