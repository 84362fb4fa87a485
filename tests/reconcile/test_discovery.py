"""Which kinds there are, as a controller learns it."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple, cast

import pytest

from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.kinds.apps.deployment import KIND as DEPLOYMENT
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.registry import builtin_catalogue
from sampan.machinery.errors import NotFound
from sampan.machinery.kind import Kind, ServedVersion
from sampan.reconcile.discovery import Discovery, is_local, kinds_of
from sampan.storage.memory import MemoryStore
from sampan.testing.clock import VirtualClock, settle
from tests.controllers.cluster import signing_key

WIDGET = Kind(
    name="Widget",
    plural="widgets",
    versions=(
        ServedVersion("example.com", "v1", "io.k8s.api.core.v1.ConfigMap"),
        ServedVersion("example.com", "v1beta1", "io.k8s.api.core.v1.ConfigMap"),
    ),
    has_status=False,
)


class Rig(NamedTuple):
    server: APIServer
    discovery: Discovery
    clock: VirtualClock
    changes: list[tuple[str, ...]]  # the plurals that are not built in, at each change

    async def later(self) -> None:
        await self.clock.advance(31)
        await settle()

    def install(self, *kinds: Kind) -> None:
        self.server.install(self.server.services.catalogue.with_kinds(kinds))


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    clock = VirtualClock()
    server = APIServer(APIServerConfig(store=MemoryStore(), service_account_key=signing_key(), now=clock.now))
    await server.start()
    client = server.local_client()
    informers = Informers(client, sleep=clock.sleep)
    discovery = Discovery(client, informers, clock)
    made = Rig(server, discovery, clock, [])
    builtin = {kind.plural for kind in discovery.kinds}
    discovery.on_change(
        lambda: made.changes.append(tuple(k.plural for k in discovery.kinds if k.plural not in builtin))
    )
    async with asyncio.TaskGroup() as group:
        informers.run(group)
        running = group.create_task(discovery.run())
        await discovery.synced()
        yield made
        running.cancel()
        for task in informers._tasks.values():
            task.cancel()
    await server.stop(0)


async def test_built_in_kinds_are_the_ones_that_the_code_knows(rig: Rig) -> None:
    assert POD in rig.discovery.kinds and rig.changes == []
    assert rig.discovery.find("extensions/v1beta1", "Deployment") is DEPLOYMENT
    assert rig.discovery.find("example.com/v1", "Widget") is None


async def test_kinds_come_and_go(rig: Rig) -> None:
    rig.install(WIDGET)
    await rig.later()
    found = rig.discovery.find("example.com/v1beta1", "Widget")
    assert found is not None and found is rig.discovery.find("example.com/v1", "Widget")
    assert (found.path("default"), found.namespaced) == ("/apis/example.com/v1/namespaces/default/widgets", True)
    assert {"list", "watch", "delete"} <= set(found.verbs)
    rig.install(WIDGET)
    await rig.later()
    assert rig.discovery.find("example.com/v1", "Widget") is found  # nothing has changed: it is the same object
    rig.install()
    await rig.later()
    assert rig.discovery.find("example.com/v1", "Widget") is None
    assert rig.changes == [("widgets",), ()]


def test_a_group_that_does_not_answer_is_told_and_a_document_may_be_empty() -> None:
    assert list(kinds_of({})) == []
    resource = {"resource": "flunders", "responseKind": {"kind": "Flunder"}, "scope": "Cluster", "verbs": ["get"]}
    versions = [{"version": "v2", "resources": [resource]}, {"version": "v1", "resources": [resource]}]
    ((place, kind),) = kinds_of({"items": [{"metadata": {"name": "wardle.example.com"}, "versions": versions}]})
    assert place == ("wardle.example.com", "flunders")
    assert (kind.name, kind.namespaced, kind.verbs, kind.has_status) == ("Flunder", False, ("get",), False)
    assert [version.api_version for version in kind.versions] == ["wardle.example.com/v2", "wardle.example.com/v1"]


def test_what_the_server_registers_for_itself_is_no_news() -> None:
    assert is_local({"kind": "APIService", "spec": {"group": "apps"}})
    assert not is_local({"kind": "APIService", "spec": {"service": {"name": "a", "namespace": "b"}}})
    assert not is_local({"kind": "CustomResourceDefinition", "spec": {}})


class Stale:
    """An API whose discovery tells for ever that one group's server does not answer."""

    def __init__(self) -> None:
        self.asked = 0
        self.transport = self

    async def request(self, method: str, path: str, **options: object) -> object:
        self.asked += path == "/apis"
        return {
            "items": [{"metadata": {"name": "a.example.com"}, "versions": [{"version": "v1", "freshness": "Stale"}]}]
        }


async def test_a_group_that_does_not_answer_is_asked_for_every_five_seconds_and_no_more_often() -> None:
    clock, client = VirtualClock(), Stale()
    informers = Informers(cast(Client, client), sleep=clock.sleep)
    discovery = Discovery(cast(Client, client), informers, clock)
    running = asyncio.ensure_future(discovery.run())
    await clock.advance(599)
    assert (client.asked, discovery.failed) == (120, ("a.example.com/v1",))
    running.cancel()
    await asyncio.wait([running])


class Another:
    """An API server of upstream's: legacy kinds of ours are not there, others are without being told of."""

    def __init__(self) -> None:
        self.transport = self

    async def request(self, method: str, path: str, **options: object) -> object:
        if path == "/apis":
            return {"items": []}
        if path in ("/apis/policy/v1beta1", "/apis/coordination.k8s.io/v1beta1"):
            raise NotFound("the server could not find the requested resource")
        builtin = builtin_catalogue().kinds
        return {"resources": [{"name": k.plural} for k in builtin if f"/apis/{k.api_version}" == path]}


async def test_kinds_that_the_server_has_not_are_left_out() -> None:
    clock, client = VirtualClock(), Another()
    discovery = Discovery(cast(Client, client), Informers(cast(Client, client), sleep=clock.sleep), clock)
    running = asyncio.ensure_future(discovery.run())
    await discovery.synced()
    names = {kind.name for kind in discovery.kinds}
    assert {kind.name for kind in discovery.builtin.kinds} - names == {"PodSecurityPolicy", "LeaseCandidate"}
    running.cancel()
    await asyncio.wait([running])
