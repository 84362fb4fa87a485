"""What a pod belongs to."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.machinery.meta import Object
from sampan.scheduler.owners import Owners
from tests.scheduler.api import FakeAPI
from tests.scheduler.objects import info


def named(name: str, spec: Object, namespace: str = "default") -> Object:
    return {"metadata": {"name": name, "namespace": namespace, "resourceVersion": "1"}, "spec": spec}


@pytest.fixture
async def owners() -> AsyncIterator[Owners]:
    api = FakeAPI()
    services = (named("web", {"selector": {"app": "web"}}), named("none", {}), named("far", {"selector": {}}, "far"))
    api.objects["/api/v1/services"] = {service["metadata"]["name"]: service for service in services}
    api.objects["/api/v1/replicationcontrollers"] = {"rc": named("rc", {"selector": {"tier": "front"}})}
    api.objects["/apis/apps/v1/replicasets"] = {
        "rs": named("rs", {"selector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}})
    }
    informers = Informers(Client(api))
    owners = Owners(informers.of)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(_run(informers))
        await asyncio.sleep(0)
        await informers.synced()
        yield owners
        running.cancel()


async def _run(informers: Informers) -> None:
    async with asyncio.TaskGroup() as group:
        informers.run(group)


def owned(kind: str, name: str) -> Object:
    version = "v1" if kind == "ReplicationController" else "apps/v1"
    return {"apiVersion": version, "kind": kind, "name": name, "uid": "1", "controller": True}


@pytest.mark.parametrize(
    ("labels", "owner", "selector"),
    [
        ({"app": "web"}, None, "app=web"),
        ({"app": "other"}, None, None),
        ({"tier": "front"}, ("ReplicationController", "rc"), "tier=front"),
        ({"tier": "front"}, ("ReplicaSet", "rs"), "tier"),
        ({"app": "web", "tier": "front"}, ("ReplicaSet", "rs"), "app=web,tier"),
        ({}, ("ReplicaSet", "gone"), None),
        ({}, ("Job", "job"), None),
    ],
)
async def test_a_pod_belongs_to_its_services_and_its_controller(
    owners: Owners, labels: dict[str, str], owner: tuple[str, str] | None, selector: str | None
) -> None:
    more = {"owner": owned(*owner)} if owner else {}
    found = owners.selector(info(labels=labels, **more))
    assert (str(found) if found else None) == selector


async def test_services_of_other_namespaces_do_not_count(owners: Owners) -> None:
    assert owners.selector(info(labels={"app": "web"}, namespace="far")) is None
