"""The scheduler against the real API server, in one process, without sockets of its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sampan.apiserver.authentication.user import authenticated
from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.client.api import Client
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.kinds.policy.pod_disruption_budget import KIND as BUDGET
from sampan.kinds.resource.device_class import KIND as DEVICE_CLASS
from sampan.kinds.resource.resource_claim import KIND as DEVICE_CLAIM
from sampan.kinds.resource.resource_slice import KIND as SLICE
from sampan.kinds.scheduling.priority_class import KIND as PRIORITY_CLASS
from sampan.kinds.storage.storage_class import KIND as STORAGE_CLASS
from sampan.machinery.meta import Object, annotations_of
from sampan.reconcile.clock import SystemClock
from sampan.scheduler.app import Scheduler
from sampan.storage.memory import MemoryStore


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    server = APIServer(APIServerConfig(store=MemoryStore(), service_account_key=pem))
    await server.start()
    scheduler = Scheduler(server.local_client(authenticated("system:kube-scheduler")), SystemClock())
    client = server.local_client()
    await client.create(SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": "default"}})
    async with asyncio.TaskGroup() as group:
        ready = asyncio.Event()
        running = group.create_task(scheduler.run(ready))
        await ready.wait()
        yield client
        running.cancel()
    await server.stop()


async def add_node(client: Client, name: str, cpu: str) -> None:
    await client.create(NODE, {"metadata": {"name": name}})
    status = {"allocatable": {"cpu": cpu, "memory": "1Gi", "pods": "10"}}
    await client.patch(NODE, name, {"status": status}, subresource="status")
    await client.patch(NODE, name, {"spec": {"taints": None}})  # admission has tainted it as not ready


async def seen(client: Client, name: str, condition: str) -> Object:
    """The pod, once its PodScheduled condition has this status."""
    async with asyncio.timeout(20), client.watch(POD, "default", resource_version="0") as events:
        async for event in events:
            conditions = event.object.get("status", {}).get("conditions", [])
            if event.object["metadata"]["name"] == name and ("PodScheduled", condition) in [
                (c["type"], c["status"]) for c in conditions
            ]:
                return event.object
    raise AssertionError("the watch ended")


async def test_a_pod_gets_its_node_with_the_schedulers_own_rights(client: Client) -> None:
    resources = {"requests": {"cpu": "2"}}
    spec = {"containers": [{"name": "main", "image": "app", "resources": resources}]}
    await client.create(POD, {"metadata": {"name": "kubia", "namespace": "default"}, "spec": spec})
    pending = await seen(client, "kubia", "False")
    condition = pending["status"]["conditions"][0]
    assert (condition["message"], condition["observedGeneration"]) == ("no nodes available to schedule pods", 1)
    await add_node(client, "small", "1")
    await add_node(client, "large", "4")
    bound = await seen(client, "kubia", "True")
    assert bound["spec"]["nodeName"] == "large"
    async with asyncio.timeout(20), client.watch(EVENT, "default", resource_version="0") as events:
        async for event in events:
            if event.object["reason"] == "Scheduled":
                assert event.object["message"] == "Successfully assigned default/kubia to large"
                return


async def test_a_claim_that_waits_is_given_its_volume_before_the_pod_its_node(client: Client) -> None:
    await add_node(client, "here", "4")
    late = {"provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"}
    await client.create(STORAGE_CLASS, {"metadata": {"name": "late"}, **late})
    size = {"storage": "1Gi"}
    spec: Object = {"accessModes": ["ReadWriteOnce"], "storageClassName": "late"}
    volume = {"metadata": {"name": "v"}, "spec": {**spec, "capacity": size, "hostPath": {"path": "/v"}}}
    await client.create(VOLUME, volume)
    await client.patch(VOLUME, "v", {"status": {"phase": "Available"}}, subresource="status")
    claim = {"metadata": {"name": "c", "namespace": "default"}, "spec": {**spec, "resources": {"requests": size}}}
    await client.create(CLAIM, claim)
    mounted = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
    spec = {"containers": [{"name": "main", "image": "app"}], "volumes": [mounted]}
    await client.create(POD, {"metadata": {"name": "kubia", "namespace": "default"}, "spec": spec})
    async with asyncio.timeout(20), client.watch(VOLUME, resource_version="0") as events:
        async for event in events:
            if ref := event.object["spec"].get("claimRef"):
                break
    assert ref["name"] == "c"
    waiting = await client.get(POD, "kubia", "default")
    assert not waiting["spec"].get("nodeName") and waiting["status"]["nominatedNodeName"] == "here"
    done = {"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}, "spec": {"volumeName": "v"}}
    await client.patch(CLAIM, "c", done, "default")
    bound = await seen(client, "kubia", "True")
    assert bound["spec"]["nodeName"] == "here" and "nominatedNodeName" not in bound["status"]


async def test_a_pod_waits_for_its_claim_and_for_a_device_and_then_has_both(client: Client) -> None:
    await add_node(client, "here", "4")
    containers = [{"name": "main", "image": "app", "resources": {"claims": [{"name": "gpu"}]}}]
    spec = {"containers": containers, "resourceClaims": [{"name": "gpu", "resourceClaimName": "c"}]}
    await client.create(POD, {"metadata": {"name": "kubia", "namespace": "default"}, "spec": spec})
    await client.create(DEVICE_CLASS, {"metadata": {"name": "gpu"}, "spec": {}})
    model = 'device.attributes["gpu.example.com"].model == "a"'
    exactly = {"deviceClassName": "gpu", "selectors": [{"cel": {"expression": model}}]}
    claim = {"metadata": {"name": "c", "namespace": "default"}}
    await client.create(DEVICE_CLAIM, {**claim, "spec": {"devices": {"requests": [{"name": "r", "exactly": exactly}]}}})
    waiting = await seen(client, "kubia", "False")
    message = waiting["status"]["conditions"][0]["message"]
    assert message.startswith("0/1 nodes are available: 1 cannot allocate all claims. preemption: 0/1 nodes are avail")
    devices = [{"name": f"d{n}", "attributes": {"model": {"string": model}}} for n, model in enumerate("ba")]
    pool = {"name": "here", "generation": 1, "resourceSliceCount": 1}
    offer = {"driver": "gpu.example.com", "pool": pool, "nodeName": "here", "devices": devices}
    await client.create(SLICE, {"metadata": {"name": "s"}, "spec": offer})
    bound = await seen(client, "kubia", "True")
    got = await client.get(DEVICE_CLAIM, "c", "default")
    (result,) = got["status"]["allocation"]["devices"]["results"]
    assert (bound["spec"]["nodeName"], result["device"], result["request"]) == ("here", "d1", "r")
    assert [one["uid"] for one in got["status"]["reservedFor"]] == [bound["metadata"]["uid"]]
    assert got["metadata"]["finalizers"] == ["resource.kubernetes.io/delete-protection"]


async def test_a_pod_that_goes_while_its_claim_is_waited_for_leaves_nothing_behind(client: Client) -> None:
    await add_node(client, "here", "1")
    late = {"provisioner": "example.com/never", "volumeBindingMode": "WaitForFirstConsumer"}
    await client.create(STORAGE_CLASS, {"metadata": {"name": "late"}, **late})
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "late", "resources": {"requests": {"storage": "1Gi"}}}
    await client.create(CLAIM, {"metadata": {"name": "c", "namespace": "default"}, "spec": spec})
    mounted = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
    main = {"name": "main", "image": "app", "resources": {"requests": {"cpu": "1"}}}
    pod = {"metadata": {"name": "kubia", "namespace": "default"}, "spec": {"containers": [main], "volumes": [mounted]}}
    await client.create(POD, pod)
    async with asyncio.timeout(20), client.watch(CLAIM, "default", resource_version="0") as events:
        async for event in events:
            if annotations_of(event.object).get("volume.kubernetes.io/selected-node") == "here":
                break
    await client.delete(POD, "kubia", "default")
    other = {"metadata": {"name": "other", "namespace": "default"}, "spec": {"containers": [main]}}
    await client.create(POD, other)
    assert (await seen(client, "other", "True"))["spec"]["nodeName"] == "here"


def pod(name: str, cpu: str, **more: Any) -> Object:
    """`more`: labels; anything else goes into the spec."""
    meta = {"name": name, "namespace": "default", "labels": more.pop("labels", {})}
    main = {"name": "main", "image": "app", "resources": {"requests": {"cpu": cpu}}}
    return {"metadata": meta, "spec": {"containers": [main], **more}}


async def event_about(client: Client, name: str, reason: str) -> str:
    """Its message, once it is there."""
    async with asyncio.timeout(20), client.watch(EVENT, "default", resource_version="0") as events:
        async for event in events:
            if (event.object["involvedObject"]["name"], event.object["reason"]) == (name, reason):
                return str(event.object["message"])
    raise AssertionError("the watch ended")


async def test_a_pod_makes_room_where_no_budget_is_broken(client: Client) -> None:
    await client.create(PRIORITY_CLASS, {"metadata": {"name": "high"}, "value": 100})
    selector = {"matchLabels": {"app": "db"}}
    spec = {"selector": selector, "minAvailable": 1}
    await client.create(BUDGET, {"metadata": {"name": "db", "namespace": "default"}, "spec": spec})
    for name, labels in (("db", {"app": "db"}), ("web", {"app": "web"})):
        await add_node(client, f"with-{name}", "1")
        await client.create(POD, pod(name, "1", labels=labels))
        await seen(client, name, "True")
    high = await client.create(POD, pod("high", "1", priorityClassName="high"))
    told = f"Preempted by pod {high['metadata']['uid']} on node with-web"
    assert await event_about(client, "web", "Preempted") == told
    going = await client.get(POD, "web", "default")
    assert [c["reason"] for c in going["status"]["conditions"] if c["type"] == "DisruptionTarget"] == [
        "PreemptionByScheduler"
    ]
    assert (await client.get(POD, "high", "default"))["status"]["nominatedNodeName"] == "with-web"
    await client.delete(POD, "web", "default", grace_period=0)
    assert (await seen(client, "high", "True"))["spec"]["nodeName"] == "with-web"


async def test_a_pod_that_is_not_bound_yet_makes_room_without_being_deleted(client: Client) -> None:
    await client.create(PRIORITY_CLASS, {"metadata": {"name": "high"}, "value": 100})
    await add_node(client, "here", "1")
    late = {"provisioner": "example.com/never", "volumeBindingMode": "WaitForFirstConsumer"}
    await client.create(STORAGE_CLASS, {"metadata": {"name": "late"}, **late})
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "late", "resources": {"requests": {"storage": "1Gi"}}}
    await client.create(CLAIM, {"metadata": {"name": "c", "namespace": "default"}, "spec": spec})
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
    await client.create(POD, pod("low", "1", volumes=[volume]))
    async with asyncio.timeout(20), client.watch(CLAIM, "default", resource_version="0") as events:
        async for event in events:
            if annotations_of(event.object).get("volume.kubernetes.io/selected-node") == "here":
                break
    await client.create(POD, pod("high", "1", priorityClassName="high"))
    assert (await seen(client, "high", "True"))["spec"]["nodeName"] == "here"
    assert (await event_about(client, "low", "Preempted")).endswith(" on node here (in kube-scheduler memory).")
    low = await seen(client, "low", "False")
    assert "deletionTimestamp" not in low["metadata"]
