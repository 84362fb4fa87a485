"""An operator written with kopf serves Deployments and custom resources, which it names without their group."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import kopf

from tests.apiserver.extensions.crontabs import CRONTABS, crontab, definition, established, version
from tests.apiserver.harness import API, DEPLOYMENTS, deployment
from tests.clients.rig import kubeconfig

ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def operator_of(plural: str) -> kopf.OperatorRegistry:
    """An operator that marks what is created."""
    registry = kopf.OperatorRegistry()

    @kopf.on.create(plural, registry=registry)
    def mark(patch: kopf.Patch, **_: Any) -> None:
        patch.metadata.annotations["seen-by"] = "kopf"

    return registry


def log_in(registry: kopf.OperatorRegistry, port: int) -> None:
    """Give the operator its credentials."""
    known = kubeconfig(port)
    cluster, user = known["clusters"][0]["cluster"], known["users"][0]["user"]

    @kopf.on.login(registry=registry)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(
            server=cluster["server"],
            ca_data=base64.b64decode(cluster["certificate-authority-data"]),
            certificate_data=base64.b64decode(user["client-certificate-data"]),
            private_key_data=base64.b64decode(user["client-key-data"]),
        )


@asynccontextmanager
async def serving(registry: kopf.OperatorRegistry) -> AsyncIterator[None]:
    """The operator at work."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    stop = asyncio.Event()
    work = kopf.operator(registry=registry, settings=settings, clusterwide=True, standalone=True, stop_flag=stop)
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        stop.set()
        await task


async def marked(api: API, collection: str) -> Any:
    """The first object that the operator has marked."""
    async with api.watch(collection) as events:
        async for event in events:
            if event["object"]["metadata"].get("annotations", {}).get("seen-by"):
                return event["object"]
    raise AssertionError("the watch ended")


async def test_an_operator_serves_deployments(tls: API) -> None:
    registry = operator_of("deployments")
    log_in(registry, tls.server.port)
    async with serving(registry):
        await tls.create(DEPLOYMENTS, deployment("web"))
        found = await marked(tls, DEPLOYMENTS)
    assert (found["metadata"]["name"], found["metadata"]["annotations"]["seen-by"]) == ("web", "kopf")


async def test_an_operator_serves_a_custom_resource(tls: API) -> None:
    await established(tls, definition(version(schema=ANYTHING)))
    registry = operator_of("crontabs")
    log_in(registry, tls.server.port)
    async with serving(registry):
        await tls.create(CRONTABS, crontab("sampan"))
        found = await marked(tls, CRONTABS)
    assert (found["kind"], found["metadata"]["annotations"]["seen-by"]) == ("CronTab", "kopf")
