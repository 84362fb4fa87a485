"""Does what plan.py says, as a controller of its own: claims and volumes are its keys."""

import asyncio
import shutil
from collections.abc import Iterable
from pathlib import Path

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.volume_claims import class_of
from sampan.kinds.storage.storage_class import KIND as STORAGE_CLASS
from sampan.kubelet.provisioning.plan import NAME, Fate, fate, is_asked, names_us, problem, volume_for
from sampan.machinery.errors import AlreadyExists, NotFound
from sampan.machinery.meta import Key, Object, key_of
from sampan.machinery.tree import REMOVED, with_changes
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.clock import Clock
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.events import NORMAL, WARNING
from sampan.reconcile.manager import run_together


class LocalProvisioner(Controller):
    """Of one node; `directory` is where its volumes are. Keys with a namespace are claims, others volumes."""

    name = component = NAME

    def __init__(self, context: Context, node: str, directory: Path) -> None:
        super().__init__(context)
        self._node, self._directory = node, directory
        self._classes = self.watch(STORAGE_CLASS, None)
        self._claims = self.watch(CLAIM, self._asking)
        self._volumes = self.watch(VOLUME)

    def _asking(self, claim: Object) -> Iterable[Key]:
        return [key_of(claim)] if names_us(claim) else ()

    def _class(self, claim: Object) -> Object | None:
        return self._classes.get(Key("", class_of(claim)))

    async def reconcile(self, key: Key) -> Action:
        if key.namespace:
            await self._provide(self._claims.get(key))
        elif volume := self._volumes.get(key):
            await self._follow(volume)
        return WAIT

    async def _provide(self, claim: Object | None) -> None:
        storage_class = self._class(claim) if claim else None
        if claim is None or not is_asked(claim, storage_class, self._node):
            return
        if storage_class is None or problem(claim, storage_class):
            why = problem(claim, storage_class)
            message = f'failed to provision volume with StorageClass "{class_of(claim)}": {why}'
            self.recorder.event(claim, WARNING, "ProvisioningFailed", message)
            return
        shown = f"{claim['metadata']['namespace']}/{claim['metadata']['name']}"
        message = f'External provisioner is provisioning volume for claim "{shown}"'
        self.recorder.event(claim, NORMAL, "Provisioning", message)
        volume = volume_for(claim, storage_class, self._node, self._directory)
        await self._make_directory(volume)
        try:
            await self.client.create(VOLUME, volume)
        except AlreadyExists:
            return  # another node was first, or we were before a restart
        name = volume["metadata"]["name"]
        self.recorder.event(claim, NORMAL, "ProvisioningSucceeded", f"Successfully provisioned volume {name}")

    async def _follow(self, volume: Object) -> None:
        match fate(volume, self._node, self._directory):
            case Fate.KEEP:
                await self._make_directory(volume)
            case Fate.DELETE:
                await self._delete(volume)
            case Fate.REMOVE:
                await asyncio.to_thread(_remove, self._directory / volume["metadata"]["name"])
                await self._let_go(volume)
            case Fate.LET_GO:
                await self._let_go(volume)

    async def _make_directory(self, volume: Object) -> None:
        await asyncio.to_thread(_make, self._directory / volume["metadata"]["name"])

    async def _delete(self, volume: Object) -> None:
        try:
            await self.client.delete(VOLUME, volume["metadata"]["name"], uid=volume["metadata"]["uid"])
        except NotFound:
            return

    async def _let_go(self, volume: Object) -> None:
        try:
            await self.client.update(VOLUME, with_changes(volume, {("metadata", "finalizers"): REMOVED}))
        except NotFound:
            return


async def provision(client: Client, clock: Clock, node: str, directory: Path) -> None:
    """Serve a node's claims until cancelled."""
    informers = Informers(client, sleep=clock.sleep)
    await run_together([LocalProvisioner(Context(client, informers, clock), node, directory)], informers)


def _make(path: Path) -> None:
    """Anybody's to write, as the pods that will use it may run as anybody."""
    if not path.exists():
        path.mkdir(parents=True)
        path.chmod(0o777)


def _remove(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)
