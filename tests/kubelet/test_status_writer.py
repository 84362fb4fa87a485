"""Writing statuses through a real API server, in memory: conflicts, foreign conditions, pods that are gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.client.api import Client
from sampan.cluster.certificates import private_pem
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.kubelet.status import Observation, pod_status
from sampan.kubelet.status_writer import StatusWriter
from sampan.machinery.meta import Object
from sampan.storage.memory import MemoryStore
from sampan.testing.clock import VirtualClock
from tests.kubelet.pods import NOW, runs, runtime, spec_of


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    key = private_pem(ec.generate_private_key(ec.SECP256R1()))
    server = APIServer(APIServerConfig(store=MemoryStore(), service_account_key=key))
    await server.start()
    found = server.local_client()
    meta = {"name": "default", "namespace": "default"}
    await found.create(SERVICE_ACCOUNT, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    yield found
    await server.stop()


@pytest.fixture
async def pod(client: Client) -> Object:
    spec = {"containers": [spec_of("main")], "automountServiceAccountToken": False, "nodeName": "n"}
    meta = {"name": "web", "namespace": "default"}
    return await client.create(POD, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})


@contextlib.asynccontextmanager
async def writing(client: Client, pod: Object) -> AsyncIterator[StatusWriter]:
    writer = StatusWriter(client, VirtualClock(), pod)
    task = asyncio.ensure_future(writer.run())
    yield writer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def running(pod: Object) -> Object:
    return pod_status(Observation(pod, runtime(runs()), NOW, "192.0.2.1"))


async def condition(client: Client, type_: str) -> Object | None:
    found = await client.get(POD, "web", "default")
    return next((c for c in found["status"]["conditions"] if c["type"] == type_), None)


async def test_a_status_is_written(client: Client, pod: Object) -> None:
    async with writing(client, pod) as writer:
        writer.want(running(pod))
        await writer.flush()
    assert (await client.get(POD, "web", "default"))["status"]["phase"] == "Running"


async def test_a_conflict_is_overcome_and_nobodys_condition_lost(client: Client, pod: Object) -> None:
    foreign = {"conditions": [{"type": "a/b", "status": "True"}]}
    await client.patch(POD, "web", {"status": foreign}, "default", subresource="status")
    async with writing(client, pod) as writer:  # which knows only the older form
        writer.want(running(pod))
        await writer.flush()
    assert (await condition(client, "Ready") or {})["status"] == "True"
    assert (await condition(client, "a/b") or {})["status"] == "True"


async def test_labels_set_meanwhile_stay(client: Client, pod: Object) -> None:
    await client.patch(POD, "web", {"metadata": {"labels": {"a": "b"}}}, "default")
    async with writing(client, pod) as writer:
        writer.want(running(pod))
        await writer.flush()
    assert (await client.get(POD, "web", "default"))["metadata"]["labels"] == {"a": "b"}


async def test_only_the_last_wish_is_written(client: Client, pod: Object) -> None:
    async with writing(client, pod) as writer:
        for phase in ("Pending", "Pending", "Running"):
            writer.want(running(pod) | {"phase": phase, "message": phase})
        await writer.flush()
    async with client.watch(POD, resource_version=pod["metadata"]["resourceVersion"]) as events:
        first = await anext(events)
    assert first.object["status"]["message"] == "Running"


async def test_a_pod_that_is_gone_ends_the_writing(client: Client, pod: Object) -> None:
    await client.delete(POD, "web", "default", grace_period=0)
    async with writing(client, pod) as writer:
        writer.want(running(pod))
        await writer.flush()
        assert writer.gone


async def test_another_pod_of_the_name_is_left_alone(client: Client, pod: Object) -> None:
    await client.delete(POD, "web", "default", grace_period=0)
    fresh = {name: pod["metadata"][name] for name in ("name", "namespace")}
    await client.create(POD, pod | {"metadata": fresh})
    async with writing(client, pod) as writer:
        writer.want(running(pod))
        await writer.flush()
        assert writer.gone
    assert (await client.get(POD, "web", "default"))["status"]["phase"] == "Pending"
