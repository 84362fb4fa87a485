"""Carries out what plan.py says, one step at a time; each is told in the status before the next is taken."""

from collections.abc import Iterable
from datetime import timedelta

from sampan.controllers.config import ControllerContext
from sampan.controllers.storage_version_migrator import definition, plan
from sampan.controllers.storage_version_migrator.plan import Step
from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.kinds.storagemigration.storage_version_migration import KIND as MIGRATION
from sampan.machinery.errors import (
    APIError,
    Conflict,
    InternalError,
    NotFound,
    ServerTimeout,
    ServiceUnavailable,
    Timeout,
    TooManyRequests,
)
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, is_deleting, key_of, parse_time
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Controller

_PATIENCE = timedelta(minutes=1)  # for a resource that may just have been defined
_PASSING = (InternalError, ServerTimeout, ServiceUnavailable, Timeout, TooManyRequests, OSError, EOFError)


class StorageVersionMigrator(Controller):
    """Keys are migrations."""

    name = "storage-version-migrator-controller"
    rate_factor = 20.0  # as upstream: there may be many objects

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.discovery = context.discovery
        self.migrations = self.watch(MIGRATION, self._concerned, matters=plan.matters)
        self.discovery.on_change(self._kinds_changed)

    def _concerned(self, migration: Object) -> Iterable[Key]:
        """Also those that wait for its end."""
        resource = plan.resource_of(migration)
        return {key_of(migration), *(key_of(one) for one in self._others() if plan.resource_of(one) == resource)}

    def _others(self) -> list[Object]:
        return [one for one in self.migrations.items() if not is_deleting(one)]

    def _kinds_changed(self) -> None:
        for migration in self.migrations.items():
            self.queue.add(key_of(migration))

    async def reconcile(self, key: Key) -> Action:
        migration = self.migrations.get(key)
        if migration is None or is_deleting(migration):
            return WAIT
        match plan.next_step(migration, self._others()):
            case Step.START:
                await self._start(migration)
            case Step.CHECKPOINT | Step.MIGRATE as step:
                return await self._proceed(migration, step)
            case Step.FINISH:
                await self._finish(migration)
        return WAIT

    async def _start(self, migration: Object) -> None:
        if found := await self._definition(migration):
            begun = definition.begun(found, migration["metadata"]["name"], self.clock.now())
            await self.client.apply(DEFINITION, begun, definition.MANAGER, subresource="status")
        await self._tell(migration, plan.running())

    async def _finish(self, migration: Object) -> None:
        if found := await self._definition(migration):
            ended = definition.ended(found, self.clock.now(), success=plan.is_true(migration, plan.SUCCEEDED))
            await self.client.apply(DEFINITION, ended, definition.MANAGER, subresource="status")
        await self._tell(migration, plan.finished())

    async def _definition(self, migration: Object) -> Object | None:
        group, plural = plan.resource_of(migration)
        try:
            return await self.client.get(DEFINITION, f"{plural}.{group}")
        except NotFound:
            return None

    async def _tell(self, migration: Object, *told: tuple[str, ...]) -> None:
        changed = plan.with_conditions(migration, self.clock.now(), *told)
        if changed != migration:
            await self.client.update(MIGRATION, changed, subresource="status")

    # The work

    async def _proceed(self, migration: Object, step: Step) -> Action:
        await self.discovery.synced()
        kind = plan.find_kind(self.discovery.kinds, plan.resource_of(migration))
        if kind is None:
            return await self._unknown(migration, step)
        if step is Step.MIGRATE:
            await self._migrate(migration, kind)
        else:
            await self._checkpoint(migration, kind)
        return WAIT

    async def _unknown(self, migration: Object, step: Step) -> Action:
        created = parse_time(migration["metadata"]["creationTimestamp"])
        left = (created + _PATIENCE - self.clock.now()).total_seconds()
        if left > 0:
            return after(left)
        unable = plan.unable("resource does not exist in discovery")
        await self._tell(
            migration, plan.failed("unable to obtain GVR from discovery") if step is Step.MIGRATE else unable
        )
        return WAIT

    async def _checkpoint(self, migration: Object, kind: Kind) -> None:
        """Note the newest revision. Where another server has the objects, it may be of any form."""
        if why := plan.why_not(kind):
            await self._tell(migration, plan.unable(why))
            return
        answer = await self.client.transport.request("GET", kind.path(), query={"limit": "1"})
        revision = answer["metadata"].get("resourceVersion") or ""
        if not plan.is_revision(revision):
            await self._tell(migration, plan.unable(plan.wrong_revision(kind, revision)))
            return
        status = {**plan.status_of(migration), "resourceVersion": revision}
        await self.client.update(MIGRATION, {**migration, "status": status}, subresource="status")

    async def _migrate(self, migration: Object, kind: Kind) -> None:
        """Write all that is older than the checkpoint; raises what may pass, to go on after a while."""
        found = (await self.client.list(kind)).items
        try:
            old = plan.older(found, plan.status_of(migration)["resourceVersion"])
        except ValueError as error:
            await self._tell(migration, plan.failed(str(error)))
            return
        await self._write_all(migration, kind, old, len(found))

    async def _write_all(self, migration: Object, kind: Kind, old: list[Object], total: int) -> None:
        for done, one in enumerate(old):
            if self.migrations.get(key_of(migration)) is None:
                return
            try:
                await self._write(kind, one)
            except _PASSING as error:
                await self._tell(migration, plan.running(len(old) - done, total, str(error)))
                raise
            except APIError as error:
                left = len(old) - done
                await self._tell(migration, plan.running(left, total), plan.failed(str(error), left, total))
                return
        await self._tell(migration, plan.running(0, total), plan.succeeded())

    async def _write(self, kind: Kind, one: Object) -> None:
        """A change of nothing makes the server store the object anew where it would store it otherwise than it is."""
        key, revision = key_of(one), one["metadata"]["resourceVersion"]
        body = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"resourceVersion": revision}}
        try:
            await self.client.transport.request(
                "PATCH",
                kind.path(key.namespace, key.name),
                query={"fieldManager": self.name},
                body=body,
                content_type="application/merge-patch+json",
            )
        except (Conflict, NotFound):
            return  # it has been written meanwhile, or is gone
