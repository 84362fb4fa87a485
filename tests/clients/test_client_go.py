"""client-go, in protobuf, and the official Python client walk all of discovery with an object of every kind."""

import asyncio
import json
from pathlib import Path
from typing import Any

from kubernetes import config as kubernetes_config
from kubernetes.client import ApiClient
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError
from kubernetes.dynamic.resource import Resource

from tests.apiserver.harness import API
from tests.clients.objects import kept, objects
from tests.clients.programs import program
from tests.clients.test_dynamic_client import discovered


async def test_client_go_walks_all_of_discovery_in_protobuf(tls: API, config: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    walk = program("walk")
    process = await asyncio.create_subprocess_exec(walk, str(config), stdin=pipe, stdout=pipe, stderr=pipe)
    said, complaints = await process.communicate(json.dumps(objects()).encode())
    assert process.returncode == 0, said.decode() + complaints.decode()
    lines = [line.split() for line in said.decode().splitlines()]
    assert {kind for _, kind, _ in lines} == await shown(tls)
    assert {kind for _, kind, typed in lines if typed == "false"} <= {"CustomResourceDefinition", "APIService"}


async def shown(api: API) -> set[str]:
    """The kinds whose objects are kept, as discovery shows them to who scans."""
    return await discovered(api) & {kind.name for kind in kept()}


async def test_the_dynamic_client_walks_all_of_discovery(tls: API, config: Path) -> None:
    kinds = await shown(tls)
    await asyncio.to_thread(walk_dynamically, config, kinds)


def walk_dynamically(config: Path, kinds: set[str]) -> None:
    """Everything with an object of each kind, in each of its versions that discovery shows."""
    client = DynamicClient(ApiClient(kubernetes_config.load_kube_config(str(config)) or None))
    for sample in objects():
        if sample["kind"] in kinds:
            own = client.resources.get(api_version=sample["apiVersion"], kind=sample["kind"])
            for resource in client.resources.search(kind=sample["kind"], group=own.group):
                if resource.name == own.name:
                    lifetime(client, own, resource, sample)


def lifetime(client: DynamicClient, own: Resource, resource: Resource, sample: dict[str, Any]) -> None:
    """Create in the version that the sample is written in, all else in the other."""
    where = {"name": sample["metadata"]["name"]} | ({"namespace": "default"} if resource.namespaced else {})
    namespace = {name: value for name, value in where.items() if name == "namespace"}
    own.create(body=sample, **namespace)
    found = resource.get(**where)
    assert (found.kind, found.apiVersion) == (sample["kind"], resource.group_version)
    patch = {"metadata": {"labels": {"walked": "patched"}}}
    assert resource.patch(body=patch, content_type="application/merge-patch+json", **where).metadata.labels.walked
    applied = {"apiVersion": resource.group_version, "kind": resource.kind, "metadata": {"name": where["name"]}}
    applied["metadata"]["labels"] = {"applied": "yes"}
    done = client.server_side_apply(resource, body=applied, field_manager="walk", **where)
    assert (done.metadata.labels.walked, done.metadata.labels.applied) == ("patched", "yes")
    events = resource.watch(timeout=20, resource_version=found.metadata.resourceVersion, **where)
    assert any((event["object"].metadata.labels or {}).get("walked") == "patched" for event in events)
    resource.delete(**where)
    release(resource, where)


def release(resource: Resource, where: dict[str, str]) -> None:
    """Let go what finalizers hold whose controllers do not run here."""
    try:
        resource.patch(body={"metadata": {"finalizers": None}}, content_type="application/merge-patch+json", **where)
    except NotFoundError:
        return
