"""A control plane in this process: API server on memory, controllers, and a kubelet that only says "Running"."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sampan.apiserver.app import App
from sampan.apiserver.authentication.user import User, authenticated, service_account
from sampan.apiserver.local import LocalTransport
from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.client.api import Client
from sampan.client.informer import Informer, Informers
from sampan.controllers.app import run_controllers
from sampan.controllers.config import Config
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.machinery.errors import APIError, Forbidden
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, is_deleting, key_of
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.manager import run_together
from sampan.storage.memory import MemoryStore
from sampan.testing.clock import EPOCH, VirtualClock, settle
from tests.pkcs10 import certificate

NS = "shop"
ROOT_CA = certificate("kubernetes", begin=EPOCH - timedelta(days=1), life=timedelta(days=800)).decode()
NODE_NAME = "node-1"
READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2025-01-01T00:00:00Z", "reason": "KubeletReady"}
STEP, PATIENCE = 0.1, 400  # seconds of virtual time, and how often at least
REAL_PATIENCE = 20.0  # seconds; for what other servers answer through real sockets, virtual time does not wait


def signing_key() -> bytes:
    """A private key for ServiceAccount tokens."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Cluster:
    """What a test holds."""

    def __init__(self, client: Client, informers: Informers, clock: VirtualClock, identities: "Identities") -> None:
        self.client = client
        self.clock = clock
        self.identities = identities
        self._informers = informers

    def informer(self, kind: Kind) -> Informer:
        """A live copy of a kind."""
        return self._informers.of(kind)

    async def until(self, kind: Kind, holds: Callable[[list[Object]], bool], namespace: str = NS) -> list[Object]:
        """Wait until the objects of a kind in a namespace are as they should be; returns them."""
        informer, changed = self.informer(kind), asyncio.Event()
        stop = informer.on_change(lambda old, new: changed.set())
        await informer.synced()
        try:
            while True:
                found = [obj for obj in informer.items() if not kind.namespaced or key_of(obj).namespace == namespace]
                if holds(found):
                    return found
                changed.clear()
                await self._changed(changed, kind, found)
        finally:
            stop()

    async def _changed(self, changed: asyncio.Event, kind: Kind, found: list[Object]) -> None:
        """Let everything run that can, and time pass where nothing can: retries and delays are on the clock."""
        steps, given_up = 0, time.monotonic() + REAL_PATIENCE
        while steps < PATIENCE or time.monotonic() < given_up:
            await settle()
            if changed.is_set():
                return
            await self.clock.advance(STEP)
            steps += 1
        raise AssertionError(f"{kind.plural} never became as expected: {found}")

    async def one(self, kind: Kind, name: str, holds: Callable[[Object], bool], namespace: str = NS) -> Object:
        """Wait until one object is as it should be."""

        def is_so(found: list[Object]) -> bool:
            return any(obj["metadata"]["name"] == name and holds(obj) for obj in found)

        found = await self.until(kind, is_so, namespace)
        return next(obj for obj in found if obj["metadata"]["name"] == name)

    async def gone(self, kind: Kind, name: str, namespace: str = NS) -> None:
        """Wait until there is no such object."""
        await self.until(kind, lambda found: all(obj["metadata"]["name"] != name for obj in found), namespace)

    async def create(self, kind: Kind, body: Object) -> Object:
        """Create in the test's namespace."""
        meta = {"namespace": NS, **body["metadata"]} if kind.namespaced else body["metadata"]
        return await self.client.create(
            kind, {"apiVersion": kind.api_version, "kind": kind.name, **body, "metadata": meta}
        )

    async def patch(self, kind: Kind, name: str, patch: Any, **options: Any) -> Object:
        """Merge-patch in the test's namespace."""
        return await self.client.patch(kind, name, patch, NS, **options)

    async def pods(self, holds: Callable[[list[Object]], bool]) -> list[Object]:
        """Wait for pods, leaving out those on their way out."""
        found = await self.until(POD, lambda pods: holds([pod for pod in pods if not is_deleting(pod)]))
        return [pod for pod in found if not is_deleting(pod)]


class Identities:
    """The controllers' clients, under the default roles, and what RBAC has refused them."""

    def __init__(self, server: APIServer) -> None:
        self.refused: list[str] = []
        self._server = server

    def manager(self) -> Client:
        """For what the controllers share."""
        return self._client(authenticated("system:kube-controller-manager"))

    def account(self, name: str) -> Client:
        """For one controller."""
        return self._client(service_account("kube-system", name))

    def user(self, name: str, groups: Sequence[str] = ()) -> Client:
        """For somebody else."""
        return self._client(authenticated(name, tuple(groups)))

    def _client(self, user: User) -> Client:
        return Client(_Limited(self._server.app, user, self.refused))


class _Limited(LocalTransport):
    def __init__(self, app: App, user: User, refused: list[str]) -> None:
        super().__init__(app, user)
        self._refused = refused

    async def request(self, *args: Any, **options: Any) -> Object:
        try:
            return await super().request(*args, **options)
        except Forbidden as error:
            if " cannot " in error.message:
                self._refused.append(error.message)
            raise


@asynccontextmanager
async def control_plane(
    config: Config, only: Sequence[type[Controller]] = (), **server_options: Any
) -> AsyncIterator[Cluster]:
    """Everything running, and the namespace and node that tests use there.

    With `only` some controllers: nothing else happens by the clock then, so that a year has few moments.
    """
    clock = VirtualClock()
    server = APIServer(
        APIServerConfig(store=MemoryStore(), service_account_key=signing_key(), now=clock.now, **server_options)
    )
    await server.start()
    client, identities, ready = server.local_client(), Identities(server), asyncio.Event()
    informers = Informers(client, sleep=clock.sleep)
    if only:
        theirs = Informers(client, sleep=clock.sleep)
        made = [controller(Context(client, theirs, clock)) for controller in only]
        controllers = run_together(made, theirs, ready)
    else:
        controllers = run_controllers(identities.manager(), identities.account, config, clock, ready)
    tasks = asyncio.create_task(_run(client, informers, controllers))
    try:
        await _either(ready.wait(), tasks)
        cluster = Cluster(client, informers, clock, identities)
        await cluster.create(NODE, {"metadata": {"name": NODE_NAME}})
        await client.patch(NODE, NODE_NAME, {"status": {"conditions": [READY]}}, subresource="status")
        await cluster.create(NAMESPACE, {"metadata": {"name": NS}})
        await cluster.one(SERVICE_ACCOUNT, "default", lambda found: True)
        yield cluster
    finally:
        tasks.cancel()
        with suppress(asyncio.CancelledError):
            await tasks
        await server.stop(0)
    assert not identities.refused


async def _run(client: Client, informers: Informers, controllers: Coroutine[Any, Any, None]) -> None:
    async with asyncio.TaskGroup() as group:
        informers.run(group)
        Kubelet(client, informers.of(POD), group)
        group.create_task(controllers)


async def _either(wanted: Any, running: asyncio.Task[None]) -> None:
    """Wait, but not for what has already failed."""
    waiting = asyncio.ensure_future(wanted)
    await asyncio.wait((waiting, running), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        waiting.cancel()
        await running


class Kubelet:
    """Binds every pod to the node, reports it running and ready, and lets it go when it is deleted."""

    def __init__(self, client: Client, pods: Informer, group: asyncio.TaskGroup) -> None:
        self._client = client
        self._group = group
        self._count = 0
        pods.on_change(self._changed)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            return
        if is_deleting(new):
            self._group.create_task(self._end(new))
        elif old is None and new["metadata"].get("annotations", {}).get("test/start") != "never":
            self._group.create_task(self._start(new))

    async def _end(self, pod: Object) -> None:
        key: Key = key_of(pod)
        with suppress(APIError):
            await self._client.delete(POD, key.name, key.namespace, grace_period=0, uid=pod["metadata"]["uid"])

    async def _start(self, pod: Object) -> None:
        self._count += 1
        key: Key = key_of(pod)
        status = {
            "phase": "Running",
            "podIP": f"10.244.{self._count // 250}.{self._count % 250 + 1}",
            "podIPs": [{"ip": f"10.244.{self._count // 250}.{self._count % 250 + 1}"}],
            "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2025-01-01T00:00:00Z"},
            ],
        }
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE_NAME}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": key.name}, "target": target}
        with suppress(APIError):
            if not pod["spec"].get("nodeName"):
                await self._client.create(POD, binding, key.namespace, subresource="binding")
            await self._client.patch(POD, key.name, {"status": status}, key.namespace, subresource="status")
