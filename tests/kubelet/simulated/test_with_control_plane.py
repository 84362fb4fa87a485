"""Simulated nodes under a whole control plane, on a virtual clock: nothing here takes longer than its work."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.client.informer import Informers
from sampan.controllers.app import run_controllers
from sampan.controllers.config import Config
from sampan.kinds.apps.daemon_set import KIND as DAEMON_SET
from sampan.kinds.apps.deployment import KIND as DEPLOYMENT
from sampan.kinds.batch.job import KIND as JOB
from sampan.kinds.coordination.lease import KIND as LEASE
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.kubelet.simulated.app import run_simulated
from sampan.kubelet.simulated.config import Simulation
from sampan.kubelet.simulated.nodes import SILENT, Fleet
from sampan.kubelet.simulated.script import PREFIX
from sampan.machinery.errors import BadRequest
from sampan.machinery.meta import Object, is_deleting
from sampan.scheduler.app import Scheduler
from sampan.storage.memory import MemoryStore
from sampan.testing.clock import VirtualClock
from tests.controllers.cluster import NS, ROOT_CA, Cluster, Identities, signing_key

FLEET = Fleet(3, "x", Simulation(zones=("a", "b")))


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    clock = VirtualClock()
    server = APIServer(APIServerConfig(store=MemoryStore(), service_account_key=signing_key(), now=clock.now))
    await server.start()
    client, identities, ready = server.local_client(), Identities(server), asyncio.Event()
    informers = Informers(client, sleep=clock.sleep)
    made = Cluster(client, informers, clock, identities)

    def node(name: str):
        return identities.user(f"system:node:{name}", ("system:nodes",))

    async def run() -> None:
        scheduler = Scheduler(identities.user("system:kube-scheduler"), clock)
        async with asyncio.TaskGroup() as group:
            informers.run(group)
            config = Config(root_ca=ROOT_CA, cluster_signing_cert=ROOT_CA.encode())
            group.create_task(run_controllers(identities.manager(), identities.account, config, clock))
            group.create_task(scheduler.run())
            group.create_task(run_simulated(client, node, FLEET, clock, ready.set))

    tasks = asyncio.create_task(run())
    try:
        await ready.wait()
        await made.create(NAMESPACE, {"metadata": {"name": NS}})
        await made.one(SERVICE_ACCOUNT, "default", lambda found: True)
        yield made
    finally:
        tasks.cancel()
        with suppress(asyncio.CancelledError):
            await tasks
        await server.stop(0)
    assert not identities.refused


def template(image: str = "app", **notes: str) -> Object:
    return {
        "metadata": {"labels": {"app": "web"}, "annotations": {PREFIX + name: said for name, said in notes.items()}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    }


def is_ready(pod: Object) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())


async def deploy(cluster: Cluster, replicas: int) -> None:
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template()}
    await cluster.create(DEPLOYMENT, {"metadata": {"name": "web"}, "spec": spec})


async def test_a_deployment_rolls_out_and_its_service_follows(cluster: Cluster) -> None:
    ports = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    await cluster.create(SERVICE, {"metadata": {"name": "web"}, "spec": ports})
    await deploy(cluster, 6)
    pods = await cluster.pods(lambda found: len(found) == 6 and all(map(is_ready, found)))
    assert len({pod["status"]["podIP"] for pod in pods}) == 6
    assert {pod["spec"]["nodeName"] for pod in pods} == {"simulated-0", "simulated-1", "simulated-2"}
    await cluster.patch(DEPLOYMENT, "web", {"spec": {"template": template("other")}})
    await cluster.one(DEPLOYMENT, "web", lambda one: one["status"].get("updatedReplicas") == 6)
    pods = await cluster.until(
        POD, lambda found: len(found) == 6 and {p["spec"]["containers"][0]["image"] for p in found} == {"other"}
    )
    ips = {pod["status"]["podIP"] for pod in pods}

    def follows(slices: list[Object]) -> bool:
        endpoints = [one for found in slices for one in found.get("endpoints") or ()]
        ready = [one["addresses"][0] for one in endpoints if one["conditions"]["ready"]]
        return len(ready) == 6 and set(ready) == ips

    await cluster.until(ENDPOINT_SLICE, follows)


async def test_jobs_complete_and_fail_as_their_annotations_say(cluster: Cluster) -> None:
    for name, code in (("good", "0"), ("bad", "3")):
        pod = template(**{"run": "20", "exit-code": code})
        pod["spec"]["restartPolicy"] = "Never"
        spec = {"completions": 2, "parallelism": 2, "backoffLimit": 0, "template": pod}
        await cluster.create(JOB, {"metadata": {"name": name}, "spec": spec})
    began = cluster.clock.monotonic()
    good = await cluster.one(JOB, "good", lambda job: bool(job["status"].get("completionTime")))
    assert good["status"]["succeeded"] == 2
    assert cluster.clock.monotonic() - began >= 20
    await cluster.one(JOB, "bad", lambda job: any(c["type"] == "Failed" for c in job["status"].get("conditions") or ()))


async def test_nodes_stay_alive_and_one_that_is_silent_is_lost(cluster: Cluster) -> None:
    await deploy(cluster, 3)
    await cluster.pods(lambda found: len(found) == 3 and all(map(is_ready, found)))
    await cluster.clock.advance(100)
    nodes = await cluster.until(NODE, lambda found: len(found) == 3)
    assert all(is_ready(node) for node in nodes)
    leases = await cluster.until(LEASE, lambda found: len(found) == 3, "kube-node-lease")
    assert len({lease["spec"]["renewTime"] for lease in leases}) == 3, "not all at the same moment"
    await cluster.client.patch(NODE, "simulated-1", {"metadata": {"annotations": {SILENT: "true"}}})
    await cluster.until(NODE, lambda found: [is_ready(node) for node in found].count(False) == 1)
    lost = "simulated-1"
    await cluster.pods(lambda found: all(is_ready(pod) != (pod["spec"]["nodeName"] == lost) for pod in found))
    await cluster.client.patch(NODE, lost, {"metadata": {"annotations": {SILENT: None}}})
    await cluster.until(NODE, lambda found: all(map(is_ready, found)))
    await cluster.pods(lambda found: len(found) == 3 and all(map(is_ready, found)))


async def test_a_node_that_was_deleted_registers_again(cluster: Cluster) -> None:
    before = (await cluster.until(NODE, lambda found: len(found) == 3))[0]
    await cluster.client.delete(NODE, before["metadata"]["name"])
    await cluster.until(NODE, lambda found: len(found) == 2)
    after = await cluster.until(NODE, lambda found: len(found) == 3 and all(map(is_ready, found)))
    assert before["metadata"]["uid"] not in {node["metadata"]["uid"] for node in after}


async def test_a_pod_that_finds_no_room_is_refused(cluster: Cluster) -> None:
    for name, cpu in (("first", "20"), ("second", "20")):
        container = {"name": "main", "image": "app", "resources": {"requests": {"cpu": cpu}}}
        spec = {"nodeName": "simulated-0", "containers": [container]}
        await cluster.create(POD, {"metadata": {"name": name}, "spec": spec})
        await cluster.one(POD, name, lambda pod: pod["status"]["phase"] != "Pending")
    refused = await cluster.one(POD, "second", lambda pod: pod["status"]["phase"] == "Failed")
    assert refused["status"]["reason"] == "OutOfcpu"
    assert refused["status"]["message"].startswith("Pod was rejected: Node didn't have enough resource: cpu")


async def test_what_others_say_in_a_status_counts_and_stays(cluster: Cluster) -> None:
    """Readiness gates are opened by others, whatever the kubelet writes meanwhile."""
    pod = template(start="2")
    pod["spec"]["readinessGates"] = [{"conditionType": "example.com/fed"}]
    await cluster.create(POD, pod | {"metadata": pod["metadata"] | {"name": "one"}})
    await cluster.one(POD, "one", lambda one: bool(one["spec"].get("nodeName")))
    gate = {"type": "example.com/fed", "status": "True"}
    await cluster.patch(POD, "one", {"status": {"conditions": [gate]}}, type="strategic", subresource="status")
    found = await cluster.one(POD, "one", is_ready)
    assert any(one["type"] == gate["type"] and one["status"] == "True" for one in found["status"]["conditions"])
    await cluster.patch(
        POD, "one", {"status": {"conditions": [gate | {"status": "False"}]}}, type="strategic", subresource="status"
    )
    await cluster.one(POD, "one", lambda one: not is_ready(one))


async def test_nothing_can_be_connected_to(cluster: Cluster) -> None:
    await cluster.create(POD, {"metadata": {"name": "one"}, "spec": template()["spec"]})
    await cluster.one(POD, "one", is_ready)
    for path in ("pods/one/log", "pods/one/proxy/x"):
        with pytest.raises(BadRequest, match="pod one is on the simulated node simulated-"):
            await cluster.client.transport.request("GET", f"/api/v1/namespaces/{NS}/{path}")


async def test_a_daemon_sets_pod_stays_with_a_node_that_is_lost(cluster: Cluster) -> None:
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template()}
    await cluster.create(DAEMON_SET, {"metadata": {"name": "web"}, "spec": spec})
    nodes = {"simulated-0", "simulated-1", "simulated-2"}

    def run_on(*wanted: str) -> Callable[[list[Object]], bool]:
        return lambda pods: sorted(pod["spec"].get("nodeName", "") for pod in pods if is_ready(pod)) == sorted(wanted)

    before = {pod["metadata"]["uid"] for pod in await cluster.pods(run_on(*nodes))}
    await cluster.client.patch(NODE, "simulated-1", {"metadata": {"annotations": {SILENT: "true"}}})
    await cluster.pods(run_on("simulated-0", "simulated-2"))
    await cluster.clock.advance(600)  # twice what evicts other pods
    pods = await cluster.until(POD, lambda found: True)
    assert {pod["metadata"]["uid"] for pod in pods if not is_deleting(pod)} == before
    status = (await cluster.until(DAEMON_SET, lambda found: True))[0]["status"]
    assert (status["desiredNumberScheduled"], status["numberMisscheduled"]) == (2, 1), "it may stay, but not come"
    await cluster.client.patch(NODE, "simulated-1", {"metadata": {"annotations": {SILENT: None}}})
    pods = await cluster.pods(run_on(*nodes))
    assert {pod["metadata"]["uid"] for pod in pods} == before
