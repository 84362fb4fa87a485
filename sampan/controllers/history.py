"""The ControllerRevisions of DaemonSets and StatefulSets: written and thrown away, as revisions.py decides."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

from sampan.client.informer import Informer
from sampan.controllers import revisions
from sampan.controllers.ownership import Children
from sampan.kinds.apps.controller_revision import KIND
from sampan.machinery.errors import AlreadyExists, NotFound
from sampan.machinery.meta import Key, Object, key_of
from sampan.machinery.selectors import Selector
from sampan.reconcile.controller import Controller


class History(Children):
    """The revisions of a controller's owners."""

    def __init__(self, controller: Controller, owners: Informer, selector_of: Callable[[Object], Selector]) -> None:
        super().__init__(controller, owners, KIND, selector_of)

    async def record(self, key: Key, current: revisions.Current, collided: Callable[[], Awaitable[None]]) -> None:
        """Write the revision of today's template where that is due.

        Where another template has the same hash, `collided` has that counted in the owner's status, and AlreadyExists
        is raised: the next attempt has another name.
        """
        if current.update:
            await self._client.update(KIND, current.revision)
        if not current.create:
            return
        try:
            self.writes.created(key, await self._client.create(KIND, current.revision))
        except AlreadyExists:
            await collided()
            raise

    async def clean_up(self, owner: Object, found: Sequence[Object], used: Iterable[str]) -> None:
        """Delete the oldest beyond revisionHistoryLimit, without those whose hashes are in `used`."""
        for revision in revisions.obsolete(found, owner["spec"].get("revisionHistoryLimit"), used):
            key = key_of(revision)
            with suppress(NotFound):
                await self._client.delete(KIND, key.name, key.namespace)


def with_collision(owner: Object) -> Object:
    """The owner's status with one more collision."""
    status = owner.get("status") or {}
    return {**status, "collisionCount": (status.get("collisionCount") or 0) + 1}
