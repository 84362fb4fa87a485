"""Volumes of CSI drivers: attached to the nodes of their pods, reported, and detached when nobody uses them."""

from typing import Any

import pytest

from sampan.controllers.attach_detach.attachments import Volume, named
from sampan.controllers.attach_detach.memory import Memory
from sampan.controllers.attach_detach.plan import Plan, View, plan
from sampan.controllers.attach_detach.wanted import Wanted, World, wanted_by
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.storage.csi_driver import KIND as DRIVER
from sampan.kinds.storage.volume_attachment import KIND as ATTACHMENT
from sampan.machinery.meta import Object
from tests.controllers.cluster import NODE_NAME, NS, READY, Cluster
from tests.controllers.volumes import COMPLETED, RWO, RWX, claim, ref, volume

DISK = Volume("example.com", "h1")
NAME = DISK.attachment_name("n")
CSI = {"driver": "example.com", "volumeHandle": "h1"}


def pod(name: str = "p", namespace: str = NS, node: str = "n", **status: Any) -> Object:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    meta = {"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}"}
    return {"metadata": meta, "spec": {"nodeName": node, "volumes": volumes}, "status": status}


def node(*, ready: str = "True", used: bool = False, reports: bool = False, taints: Any = ()) -> Object:
    status: Object = {"conditions": [{"type": "Ready", "status": ready}]}
    if used:
        status["volumesInUse"] = [DISK.unique_name]
    if reports:
        status["volumesAttached"] = [{"name": DISK.unique_name, "devicePath": ""}]
    return {"metadata": {"name": "n"}, "spec": {"taints": list(taints)}, "status": status}


def attachment(*, attached: bool = False, error: str = "", deleting: bool = False) -> Object:
    meta = {"name": NAME, "uid": "u"} | ({"deletionTimestamp": "2025-01-01T00:00:00Z"} if deleting else {})
    status: Object = {"attached": attached} | ({"attachError": {"message": error}} if error else {})
    return {"metadata": meta, "spec": {"nodeName": "n"}, "status": status}


def planned(
    there: Object | None,
    made: Object | None,
    *pods: Object,
    elsewhere: Any = None,
    age: float = 0.0,
    exclusive: bool = True,
) -> Plan:
    wanted = {DISK: Wanted("disk", DISK, exclusive, list(pods))} if pods else {}
    used = frozenset((there or {}).get("status", {}).get("volumesInUse", ()))
    attachments = {DISK: made} if made else {}
    return plan(View("n", there, used, wanted, attachments, lambda wanted: elsewhere, lambda volume: age))


SHOWN = [{"name": "kubernetes.io/csi/example.com^h1", "devicePath": ""}]
OUT = [{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]


def test_a_volume_is_attached_then_reported() -> None:
    first = planned(node(), None, pod())
    assert [one.name for one in first.attach] == ["disk"] and first.reported == [] and not first.told
    assert DISK.attachment("disk", "n")["spec"] == {
        "attacher": "example.com",
        "nodeName": "n",
        "source": {"persistentVolumeName": "disk"},
    }
    waiting = planned(node(), attachment(), pod(), age=20)
    assert (waiting.attach, waiting.reported, waiting.told, waiting.next_look) == ([], [], [], 100)
    there = planned(node(), attachment(attached=True), pod(), pod("q"))
    assert there.reported == SHOWN
    assert [(of["metadata"]["name"], event.message) for of, event in there.told] == [
        ("p", 'AttachVolume.Attach succeeded for volume "disk" '),
        ("q", 'AttachVolume.Attach succeeded for volume "disk" '),
    ]
    assert planned(node(reports=True), attachment(attached=True), pod()) == Plan(reported=SHOWN)


@pytest.mark.parametrize(
    ("made", "age", "message"),
    [
        (attachment(error="no such disk"), 0, 'AttachVolume.Attach failed for volume "disk" : no such disk'),
        (
            attachment(deleting=True, attached=True),
            0,
            'AttachVolume.Attach failed for volume "disk" : volume attachment is being deleted',
        ),
        (
            attachment(),
            120,
            'AttachVolume.Attach failed for volume "disk" : timed out waiting for external-attacher of example.com CSI'
            " driver to attach volume h1",
        ),
    ],
)
def test_a_volume_that_does_not_come(made: Object, age: float, message: str) -> None:
    decided = planned(node(reports=True), made, pod(), age=age)
    assert decided.reported == [] and decided.attach == []
    assert [event for _, event in decided.told] == [("Warning", "FailedAttachVolume", message)]


@pytest.mark.parametrize(
    ("there", "age", "goes", "forced"),
    [
        (node(reports=True), 0, True, False),
        (node(used=True), 9999, False, False),
        (node(used=True, ready="Unknown"), 10, False, False),
        (node(used=True, ready="Unknown"), 360, True, True),
        (node(used=True, taints=OUT), 0, True, True),
        (None, 0, True, False),
    ],
)
def test_a_volume_that_nobody_wants(there: Object | None, age: float, goes: bool, forced: bool) -> None:
    decided = planned(there, attachment(attached=True), age=age)
    assert (decided.detach, decided.forced) == ([DISK] if goes else [], {DISK} if forced else set())
    assert decided.reported == ([] if goes else SHOWN)
    assert decided.next_look == (350 if age == 10 else None)


def test_what_a_node_had_in_use_when_it_went_is_left_to_it_for_a_while() -> None:
    view = View(
        "n", None, {DISK.unique_name}, {}, {DISK: attachment(attached=True)}, lambda wanted: None, lambda one: 5
    )
    assert (plan(view).detach, plan(view).next_look) == ([], 355)


def test_what_others_have_reported_stays() -> None:
    there = node(reports=True)
    there["status"]["volumesAttached"].append({"name": "kubernetes.io/iscsi/x", "devicePath": "/dev/x"})
    assert planned(there, None).reported == [{"name": "kubernetes.io/iscsi/x", "devicePath": "/dev/x"}]


def test_one_node_at_a_time() -> None:
    users = [pod("a", node="m"), pod("b", node="m"), pod("c", "elsewhere", node="m")]
    (told,) = planned(node(), None, pod(), elsewhere=users).told
    assert told[1].message == (
        'Waiting for detach for volume "disk" Volume is already used by pod(s) a, b'
        " and 1 pod(s) in different namespaces"
    )
    (told,) = planned(node(), None, pod("p", "third"), elsewhere=users).told
    assert told[1].message.endswith("Volume is already used by 3 pod(s) in different namespaces")
    (told,) = planned(node(), None, pod(), elsewhere=[]).told
    assert "already exclusively attached to one node" in told[1].message
    assert planned(node(), None, pod(), elsewhere=users, exclusive=False).attach


BOUND = claim(phase="Bound", volumeName="disk", annotations={COMPLETED: "yes"})


@pytest.mark.parametrize(
    ("of", "has", "disk", "driver", "expected"),
    [
        (pod(), BOUND, volume(csi=CSI, claimRef=ref()), None, True),
        (pod(), BOUND, volume(csi=CSI, claimRef=ref()), {"spec": {"attachRequired": True}}, True),
        (pod(), BOUND, volume(csi=CSI, claimRef=ref()), {"spec": {"attachRequired": False}}, False),
        (pod(), claim(volumeName="disk"), volume(csi=CSI, claimRef=ref()), None, False),
        (pod(), BOUND, volume(csi=CSI, claimRef=ref("b")), None, False),
        (pod(), BOUND, volume(claimRef=ref()), None, False),
        (pod(), BOUND, None, None, False),
        (pod(), None, volume(csi=CSI, claimRef=ref()), None, False),
        (pod(phase="Succeeded"), BOUND, volume(csi=CSI, claimRef=ref()), None, False),
    ],
)
def test_what_a_pod_wants(
    of: Object, has: Object | None, disk: Object | None, driver: Object | None, expected: bool
) -> None:
    found = wanted_by([of], World(lambda key: has, lambda name: disk, lambda name: driver))
    assert (list(found) == [DISK]) is expected


def test_names() -> None:
    assert named(DISK.unique_name) == DISK and named("kubernetes.io/iscsi/a^b") is None and named("") is None
    assert NAME.startswith("csi-") and len(NAME) == 68


def test_what_is_remembered() -> None:
    memory = Memory()
    assert memory.ours([attachment()], [], "n") == {}, "nobody knows it"
    assert memory.ours([attachment()], [DISK], "n") == {DISK: attachment()}
    assert memory.ours([attachment()], [], "n") == {DISK: attachment()}, "known by now"
    assert memory.ages([DISK], {DISK: attachment()}, 10.0)(DISK) == 0
    assert memory.ages([DISK], {DISK: attachment()}, 15.0)(DISK) == 5
    assert memory.ages([], {DISK: attachment()}, 20.0)(DISK) == 0, "not wanted any more: counted anew"
    told = planned(node(), attachment(error="x"), pod()).told
    assert memory.news(told) == told and memory.news(told) == [] and memory.news([]) == []


MANAGED = {"annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}}


async def disk(cluster: Cluster, *, modes: str = RWO) -> None:
    await cluster.client.patch(NODE, NODE_NAME, {"metadata": MANAGED})
    await cluster.create(VOLUME, {**volume(csi=CSI, accessModes=[modes]), "metadata": {"name": "disk"}})
    await cluster.create(CLAIM, {**claim(accessModes=[modes]), "metadata": {"name": "data"}})
    await cluster.one(CLAIM, "data", lambda one: one["status"]["phase"] == "Bound")


async def run(cluster: Cluster, name: str, on: str = NODE_NAME) -> None:
    spec = {**pod(node=on)["spec"], "containers": [{"name": "c", "image": "i"}]}
    await cluster.create(POD, {"metadata": {"name": name}, "spec": spec})


async def attach(cluster: Cluster, on: str = NODE_NAME) -> str:
    """As a driver's attacher does it."""
    name = DISK.attachment_name(on)
    await cluster.one(ATTACHMENT, name, lambda one: True)
    await cluster.client.patch(ATTACHMENT, name, {"status": {"attached": True}}, subresource="status")
    return name


def reports(found: Object) -> bool:
    return bool(found["status"].get("volumesAttached") == SHOWN)


async def test_a_volume_follows_its_pod(cluster: Cluster) -> None:
    await disk(cluster)
    await run(cluster, "p")
    await attach(cluster)
    await cluster.one(NODE, NODE_NAME, reports)
    used = {"status": {"volumesInUse": [DISK.unique_name]}}
    await cluster.client.patch(NODE, NODE_NAME, used, subresource="status")
    await cluster.client.delete(POD, "p", NS)
    await cluster.gone(POD, "p")
    await cluster.clock.advance(5)
    assert reports(await cluster.client.get(NODE, NODE_NAME)), "the kubelet still uses it"
    await cluster.client.patch(NODE, NODE_NAME, {"status": {"volumesInUse": None}}, subresource="status")
    await cluster.gone(ATTACHMENT, DISK.attachment_name(NODE_NAME))
    assert not (await cluster.client.get(NODE, NODE_NAME))["status"].get("volumesAttached")


async def test_two_nodes_want_a_volume_that_one_can_have(cluster: Cluster) -> None:
    await cluster.create(NODE, {"metadata": {"name": "node-2", **MANAGED}})
    await cluster.client.patch(NODE, "node-2", {"status": {"conditions": [READY]}}, subresource="status")
    await disk(cluster)
    await run(cluster, "first")
    await attach(cluster)
    await run(cluster, "second", "node-2")
    events = await cluster.until(EVENT, lambda found: any(one["reason"] == "FailedAttachVolume" for one in found))
    (event,) = [one for one in events if one["reason"] == "FailedAttachVolume"]
    assert event["message"] == 'Waiting for detach for volume "disk" Volume is already used by pod(s) first'
    assert event["involvedObject"]["name"] == "second"
    await cluster.client.delete(POD, "first", NS)
    await attach(cluster, "node-2")
    await cluster.one(NODE, "node-2", reports)


async def test_a_driver_that_attaches_nothing(cluster: Cluster) -> None:
    await cluster.create(DRIVER, {"metadata": {"name": "example.com"}, "spec": {"attachRequired": False}})
    await disk(cluster, modes=RWX)
    await run(cluster, "p")
    await cluster.clock.advance(5)
    assert not (await cluster.client.list(ATTACHMENT)).items


async def test_a_node_whose_kubelet_attaches(cluster: Cluster) -> None:
    await disk(cluster)
    await cluster.client.patch(NODE, NODE_NAME, {"metadata": {"annotations": None}})
    await run(cluster, "p")
    await cluster.clock.advance(5)
    assert not (await cluster.client.list(ATTACHMENT)).items
    await cluster.client.patch(NODE, NODE_NAME, {"metadata": MANAGED})
    await attach(cluster)
    await cluster.one(NODE, NODE_NAME, reports)
