"""Puts the kept objects in place: what is missing is made, what is another is mended.

Looks in the server's own cache, and writes as a client like any other. Called by start.py.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from sampan.apiserver.bootstrap.kept import Kept
from sampan.client.api import Client
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.errors import AlreadyExists, APIError, Conflict, Invalid, NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, key_of

log = logging.getLogger(__name__)

Find = Callable[[Kind, str, str], Object | None]


class Keeper:
    """Keeps objects as one client."""

    def __init__(self, client: Client, catalogue: Catalogue, find: Find) -> None:
        self._client, self._catalogue, self._find = client, catalogue, find

    async def put(self, kept: Iterable[Kept]) -> None:
        """At a start: all are written at once, so that the store commits them together.

        One that is refused keeps nobody from the rest; raises the APIError of the first.
        """
        outcomes = await asyncio.gather(*(self._put(one, starting=True) for one in kept), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def restore(self, kept: Iterable[Kept]) -> None:
        """Again and again, one after the other, so that others get their turn.

        One that is refused keeps nobody from the rest; raises the APIError of the last.
        """
        refused: APIError | None = None
        for one in kept:
            await asyncio.sleep(0)
            try:
                await self._put(one)
            except APIError as error:
                refused = error
        if refused is not None:
            raise refused

    async def remove(self, objects: Iterable[Object]) -> None:
        """Delete objects as they are. Raises APIError."""
        for obj in objects:
            meta = obj["metadata"]
            try:
                await self._client.delete(
                    self._kind_of(obj), meta["name"], uid=meta["uid"], resource_version=meta["resourceVersion"]
                )
            except (Conflict, NotFound) as error:  # somebody has something to do with it: the next time will tell
                log.debug("%s %s has changed meanwhile: %s", obj["kind"], meta["name"], error)

    def _kind_of(self, obj: Object) -> Kind:
        return self._catalogue.by_kind[obj["apiVersion"], obj["kind"]].kind

    async def _put(self, kept: Kept, *, starting: bool = False) -> None:
        wanted, kind = kept.wanted, self._kind_of(kept.wanted)
        found = self._find(kind, *key_of(wanted))
        if found is None:
            await self._create(kind, wanted)
            return
        mended = kept.mend(found, wanted) or (kept.at_start(found, wanted) if starting else None)
        if mended is not None:
            try:
                await self._client.update(kind, mended)
            except (Conflict, NotFound) as error:
                log.debug("%s %s has changed meanwhile: %s", kind.name, wanted["metadata"]["name"], error)

    async def _create(self, kind: Kind, wanted: Object) -> None:
        try:
            await self._client.create(kind, wanted)
        except AlreadyExists:
            return  # another server that starts at the same time was first
        except Invalid as error:  # it has claimed the Service's address, and makes the Service or has died of it
            log.warning("the %s %s has to wait: %s", kind.name, wanted["metadata"]["name"], error)
