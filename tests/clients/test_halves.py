"""Half of Kubernetes here, half upstream's: its controllers and scheduler on our API server, and ours on its.

What they work on are simulated nodes, so that a Deployment can come up, a Job can end and a Service has endpoints: that
each half finds in the other what it needs, and nothing that it can't bear.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks import api as benchmark
from benchmarks.peer import built_etcd, launched, ready
from sampan.apiserver.authentication.user import authenticated
from sampan.client.api import Client
from sampan.client.https import HTTPSTransport
from sampan.client.kubeconfig import Access
from sampan.controllers.app import run_controllers
from sampan.controllers.config import Config
from sampan.kinds.apps.deployment import KIND as DEPLOYMENT
from sampan.kinds.apps.stateful_set import KIND as STATEFUL_SET
from sampan.kinds.batch.job import KIND as JOB
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.kubelet.simulated.app import run_simulated
from sampan.kubelet.simulated.nodes import Fleet
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.reconcile.clock import SystemClock
from sampan.scheduler.app import Scheduler
from tests.apiserver.harness import API
from tests.apiserver.pki import authority
from tests.clients.components import component, saying

FLAGS = ("--leader-elect=false", "--secure-port=0")
PATIENCE = 60.0
NS, LABELS = "default", {"app": "kubia"}
FLEET = Fleet(2, "halves")


@asynccontextmanager
async def background(*work: Any) -> AsyncIterator[None]:
    """Coroutines beside the test; what one of them raises fails it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        yield
        for task in tasks:
            task.cancel()


async def test_theirs_on_ours(tls: API, config: Path) -> None:
    client, registered = tls.server.local_client(), asyncio.Event()

    def node(name: str) -> Client:
        return tls.server.local_client(authenticated(f"system:node:{name}", ("system:nodes",)))

    async with AsyncExitStack() as stack:
        for name in ("kube-scheduler", "kube-controller-manager"):
            output = await stack.enter_async_context(saying(component(name), *FLAGS, f"--kubeconfig={config}"))
            await stack.enter_async_context(background(drained(output)))
        nodes = run_simulated(client, node, FLEET, SystemClock(), registered.set)
        await stack.enter_async_context(background(nodes))
        await registered.wait()
        await works(client)


async def test_ours_on_theirs() -> None:
    apiserver = component("kube-apiserver")
    with launched(apiserver, built_etcd()) as server:
        await ready(server.port)
        access = Access(f"https://127.0.0.1:{server.port}", token=benchmark.TOKEN, verify=False)
        client, clock, registered = Client(HTTPSTransport(access)), SystemClock(), asyncio.Event()
        ca = authority().certificate
        settings = Config(root_ca=ca.decode(), cluster_signing_cert=ca)
        controllers = run_controllers(client, lambda account: client, settings, clock)
        nodes = run_simulated(client, lambda name: client, FLEET, clock, registered.set)
        async with background(controllers, Scheduler(client, clock).run(), nodes):
            await registered.wait()
            await works(client)
        await client.close()


async def works(client: Client) -> None:
    """A Deployment, a StatefulSet, a Job and a Service come to what they are to be, and go."""
    spec = {"containers": [{"name": "main", "image": "app"}]}
    template = {"metadata": {"labels": LABELS}, "spec": spec}
    sets = {"selector": {"matchLabels": LABELS}, "template": template}
    meta = {"namespace": NS, "name": "kubia"}
    await client.create(DEPLOYMENT, {"metadata": meta, "spec": {**sets, "replicas": 4}})
    await client.create(SERVICE, {"metadata": meta, "spec": {"selector": LABELS, "ports": [{"port": 80}]}})
    other = {"app": "db"}
    template = {"metadata": {"labels": other}, "spec": spec}
    sets = {"serviceName": "db", "selector": {"matchLabels": other}, "template": template, "replicas": 2}
    await client.create(STATEFUL_SET, {"metadata": {"namespace": NS, "name": "db"}, "spec": sets})
    template = {"spec": {**spec, "restartPolicy": "Never"}}
    await client.create(JOB, {"metadata": {**meta, "name": "batch"}, "spec": {"completions": 2, "template": template}})
    await until(client, DEPLOYMENT, "kubia", lambda obj: obj["status"].get("availableReplicas") == 4)
    await until(client, STATEFUL_SET, "db", lambda obj: obj["status"].get("readyReplicas") == 2)
    await until(client, JOB, "batch", lambda obj: obj["status"].get("succeeded") == 2)
    await until(client, ENDPOINT_SLICE, "kubia", lambda obj: len(obj.get("endpoints") or ()) == 4)
    change = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "app:2"}]}}}}
    await client.patch(DEPLOYMENT, "kubia", change, NS)
    await until(client, DEPLOYMENT, "kubia", rolled_out)
    await client.delete(DEPLOYMENT, "kubia", NS)
    await gone(client)


def rolled_out(deployment: Object) -> bool:
    """Whether all of its pods are of the second template."""
    status = deployment["status"]
    updated = (status.get("observedGeneration"), status.get("updatedReplicas"), status.get("replicas"))
    return updated == (2, 4, 4) and status.get("availableReplicas") == 4


async def until(client: Client, kind: Kind, name: str, wanted: Callable[[Object], bool]) -> None:
    """Wait for an object whose name begins so."""
    async with asyncio.timeout(PATIENCE), client.watch(kind, NS, resource_version="0") as events:
        async for event in events:
            if event.type != "BOOKMARK" and event.object["metadata"]["name"].startswith(name) and wanted(event.object):
                return
    raise AssertionError("the watch ended")


async def gone(client: Client) -> None:
    """Wait until no pod of the Deployment is left."""
    listed = await client.list(POD, NS, labels="app=kubia")
    left = {pod["metadata"]["name"] for pod in listed.items}
    async with (
        asyncio.timeout(PATIENCE),
        client.watch(POD, NS, labels="app=kubia", resource_version=listed.resource_version) as events,
    ):
        while left:
            event = await anext(events)
            if event.type == "DELETED":
                left.discard(event.object["metadata"]["name"])


async def drained(output: asyncio.StreamReader) -> None:
    """Read what somebody says, or it would stop saying it."""
    while await output.read(1 << 16):
        pass
