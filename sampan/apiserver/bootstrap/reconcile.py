"""Putting the bootstrap objects in place: what is missing is created, RBAC defaults get back what they lost.

Called by start.py. RBAC rules: documentation, "Auto-reconciliation"; an object whose
annotation rbac.authorization.kubernetes.io/autoupdate is "false" is left alone.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from sampan.apiserver.authorization.rules import rules_of, uncovered
from sampan.client.api import Client
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.errors import AlreadyExists, Invalid, NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, annotations_of, key_of

log = logging.getLogger(__name__)

AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate"


class Reconciler:
    """Writes bootstrap objects as one client."""

    def __init__(self, client: Client, catalogue: Catalogue) -> None:
        self._client, self._catalogue = client, catalogue

    def _kind_of(self, obj: Object) -> Kind:
        return self._catalogue.by_kind[obj["apiVersion"], obj["kind"]].kind

    async def ensure(self, objects: Iterable[Object]) -> None:
        """Create what is missing; leave what is there. Of more than a hundred objects, so others get their turn."""
        for obj in objects:
            await asyncio.sleep(0)
            try:
                await self._client.get(self._kind_of(obj), *_name(obj))
            except NotFound:
                await self._create(obj)

    async def ensure_current(self, obj: Object, fields: Iterable[str]) -> None:
        """Create the object, or bring some of its top-level fields up to date."""
        try:
            found = await self._client.get(self._kind_of(obj), *_name(obj))
        except NotFound:
            await self._create(obj)
            return
        if any(found.get(field) != obj.get(field) for field in fields):
            await self._client.update(self._kind_of(obj), {**found, **{field: obj[field] for field in fields}})

    async def ensure_valid(self, obj: Object, is_valid: Callable[[Object], bool]) -> None:
        """Create the object, or give it back its data where what it says can't be."""
        try:
            found = await self._client.get(self._kind_of(obj), *_name(obj))
        except NotFound:
            await self._create(obj)
            return
        if not is_valid(found):
            data = (found.get("data") or {}) | obj["data"]
            await self._client.update(self._kind_of(obj), {**found, "data": data})

    async def ensure_service(self, service: Object) -> None:
        """Create the Service, or give it back its ports; the rest of its spec may be anybody's."""
        try:
            found = await self._client.get(self._kind_of(service), *_name(service))
        except NotFound:
            try:
                await self._create(service)
            except Invalid as error:  # another server has claimed the address, and makes the Service or has died of it
                log.warning("the Service %s has to wait: %s", service["metadata"]["name"], error)
            return
        ports = service["spec"]["ports"]
        if found["spec"]["ports"] != ports:
            await self._client.update(self._kind_of(service), {**found, "spec": {**found["spec"], "ports": ports}})

    async def reconcile_role(self, role: Object) -> None:
        """Create a default role, or add the rules that it lacks."""
        try:
            found = await self._client.get(self._kind_of(role), *_name(role))
        except NotFound:
            await self._create(role)
            return
        if annotations_of(found).get(AUTO_UPDATE) != "true":
            return
        missing = [rule.tree() for rule in uncovered(rules_of(role), rules_of(found))]
        if missing:
            await self._client.update(self._kind_of(role), {**found, "rules": [*(found.get("rules") or ()), *missing]})

    async def reconcile_binding(self, binding: Object) -> None:
        """Create a default binding, or add the subjects that it lacks."""
        try:
            found = await self._client.get(self._kind_of(binding), *_name(binding))
        except NotFound:
            await self._create(binding)
            return
        if annotations_of(found).get(AUTO_UPDATE) != "true" or found["roleRef"] != binding["roleRef"]:
            return
        have = found.get("subjects") or []
        missing = [subject for subject in binding.get("subjects") or () if subject not in have]
        if missing:
            await self._client.update(self._kind_of(binding), {**found, "subjects": [*have, *missing]})

    async def _create(self, obj: Object) -> None:
        try:
            await self._client.create(self._kind_of(obj), obj)
        except AlreadyExists:
            return  # another server that starts at the same time was first


def _name(obj: Object) -> tuple[str, str]:
    key = key_of(obj)
    return key.name, key.namespace
