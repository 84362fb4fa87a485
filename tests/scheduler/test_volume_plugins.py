"""What claims and volumes mean to where a pod can run."""

from typing import Any

import pytest

from sampan.client.api import Client
from sampan.client.informer import Informer
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, key_of
from sampan.scheduler.framework import Refusal, Rejected
from sampan.scheduler.plugins.node_volume_limits import NodeVolumeLimits
from sampan.scheduler.plugins.volume_binding import VolumeBinding
from sampan.scheduler.plugins.volume_restrictions import TAKEN, VolumeRestrictions
from sampan.scheduler.plugins.volume_zone import VolumeZone
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.volumes import Volumes
from sampan.testing.clock import VirtualClock
from sampan.testing.scheduling import Nowhere
from tests.scheduler.objects import ZONE, cluster, info, node

BOUND = {"pv.kubernetes.io/bind-completed": "yes"}


def volumes(*objects: Object) -> Volumes:
    """As informers would show these objects."""
    informers: dict[str, Informer] = {}

    def follow(kind: Kind) -> Informer:
        return informers.setdefault(kind.name, Informer(Client(Nowhere()), kind))

    made = Volumes(follow, lambda events, concerns: None)
    for name, informer in informers.items():
        informer._replace({key_of(obj): obj for obj in objects if obj["kind"] == name})
    return made


def claim(name: str = "c", storage_class: str = "late", annotations: Object | None = None, **spec: Any) -> Object:
    meta = {"name": name, "namespace": "default", "uid": name, "resourceVersion": "1", "annotations": annotations or {}}
    size = {"resources": {"requests": {"storage": spec.pop("size", "1Gi")}}}
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": storage_class, **size, **spec}
    return {"kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec, "status": {}}


def volume(name: str, zone: str = "", storage_class: str = "late", **spec: Any) -> Object:
    expressions = [{"key": ZONE, "operator": "In", "values": [zone]}]
    required = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
    spec |= {"nodeAffinity": {"required": required}} if zone else {}
    spec |= {"capacity": {"storage": spec.pop("size", "1Gi")}, "storageClassName": storage_class}
    meta = {"name": name, "uid": name, "resourceVersion": "1", "labels": spec.pop("labels", {})}
    spec = {"accessModes": ["ReadWriteOnce"], **spec}
    return {"kind": "PersistentVolume", "metadata": meta, "spec": spec, "status": {"phase": "Available"}}


def storage_class(
    name: str, provisioner: str = "kubernetes.io/no-provisioner", late: bool = True, **more: Any
) -> Object:
    mode = "WaitForFirstConsumer" if late else "Immediate"
    return {
        "kind": "StorageClass",
        "metadata": {"name": name, "uid": name, "resourceVersion": "1"},
        "provisioner": provisioner,
        "volumeBindingMode": mode,
        **more,
    }


def using(*claims: str, name: str = "new", **more: Any) -> PodInfo:
    mounted = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
    return info(name, volumes=mounted, **more)


def binding(known: Volumes) -> VolumeBinding:
    return VolumeBinding(known, Client(Nowhere()), VirtualClock())


def verdicts(plugin: Any, pod: PodInfo, *nodes: Object) -> list[str]:
    """What a plugin says of each node, "" for yes."""
    state = cluster(*nodes)
    check = plugin.prepare(pod, state)
    assert not isinstance(check, Refusal), check
    rejections = [check(one) if check else None for one in state.nodes]
    return [" ".join(rejection.reasons) if rejection else "" for rejection in rejections]


NODES = (node("a", zone="a"), node("b", zone="b"))


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ([], 'persistentvolumeclaim "c" not found'),
        (
            [claim() | {"status": {"phase": "Lost"}}],
            'persistentvolumeclaim "c" bound to non-existent persistentvolume ""',
        ),
        (
            [claim(storage_class="early"), storage_class("early", late=False)],
            "pod has unbound immediate PersistentVolumeClaims",
        ),
        ([claim(storage_class="unknown")], "pod has unbound immediate PersistentVolumeClaims"),
        ([claim(volumeName="v"), storage_class("late")], "pod has unbound immediate PersistentVolumeClaims"),
    ],
)
def test_no_node_will_do(objects: list[Object], reason: str) -> None:
    assert binding(volumes(*objects)).prepare(using("c"), cluster(*NODES)) == Refusal("VolumeBinding", reason)


def test_an_ephemeral_claim_is_waited_for_and_has_to_be_the_pods_own() -> None:
    pod = info("p", volumes=[{"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}])
    waits = binding(volumes()).prepare(pod, cluster())
    assert waits == Refusal(
        "VolumeBinding", 'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-scratch"'
    )
    foreign = binding(volumes(claim("p-scratch"))).prepare(pod, cluster())
    assert foreign == Refusal(
        "VolumeBinding", "PVC default/p-scratch was not created for pod default/p (pod is not owner)"
    )


def test_where_a_bound_volume_is() -> None:
    bound = claim(volumeName="v", annotations=BOUND)
    there = verdicts(binding(volumes(bound, volume("v", "a"))), using("c"), *NODES)
    assert there == ["", "node(s) didn't match PersistentVolume's node affinity"]
    gone = verdicts(binding(volumes(bound)), using("c"), *NODES)
    assert gone == ["node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"] * 2


def test_a_waiting_claim_goes_where_a_volume_is_free() -> None:
    known = volumes(claim(), storage_class("late"), volume("v", "b"))
    assert verdicts(binding(known), using("c"), *NODES) == [
        "node(s) didn't find available persistent volumes to bind",
        "",
    ]


def test_what_is_promised_to_one_pod_no_other_gets() -> None:
    known = volumes(claim(), claim("d"), storage_class("late"), volume("v", "b"))
    plugin, state = binding(known), cluster(*NODES)
    chosen = state.node("b")
    assert chosen
    first, second = using("c", name="first"), using("d", name="second")
    plugin.reserve(first, chosen)
    assert plugin.prepares(first) and not plugin.prepares(second)
    with pytest.raises(Rejected):
        plugin.reserve(second, chosen)
    plugin.unreserve(first)
    plugin.unreserve(first)
    plugin.reserve(second, chosen)


def test_two_claims_of_a_pod_get_two_volumes() -> None:
    known = volumes(
        claim(size="3Gi"), claim("d"), storage_class("late"), volume("small", "a"), volume("big", "a", size="4Gi")
    )
    assert verdicts(binding(known), using("c", "d"), *NODES)[0] == ""
    alone = volumes(claim(), claim("d"), storage_class("late"), volume("v", "a"))
    assert verdicts(binding(alone), using("c", "d"), *NODES)[0] != ""


def test_provisioning_goes_by_topology_capacity_and_the_node_that_has_been_selected() -> None:
    topology = [{"matchLabelExpressions": [{"key": ZONE, "values": ["a"]}]}]
    allowed = volumes(claim(), storage_class("late", "p", allowedTopologies=topology))
    nothing = "node(s) didn't find available persistent volumes to bind"
    assert verdicts(binding(allowed), using("c"), *NODES) == ["", nothing]
    selected = {"volume.kubernetes.io/selected-node": "b"}
    chosen = volumes(claim(annotations=selected), storage_class("late", "p"))
    assert verdicts(binding(chosen), using("c"), *NODES) == [nothing, ""]
    meta = {"name": "x", "namespace": "d", "uid": "x", "resourceVersion": "1"}
    near = {"nodeTopology": {"matchLabels": {ZONE: "b"}}, "storageClassName": "late", "capacity": "2Gi"}
    driver = {
        "kind": "CSIDriver",
        "metadata": {**meta, "name": "p", "namespace": ""},
        "spec": {"storageCapacity": True},
    }
    left = volumes(
        claim(), storage_class("late", "p"), driver, {"kind": "CSIStorageCapacity", "metadata": meta, **near}
    )
    assert verdicts(binding(left), using("c"), *NODES) == ["node(s) did not have enough free storage", ""]


def test_storage_that_stays_emptier_scores_higher_unless_it_is_to_be_filled() -> None:
    """By volumes that are there, or by what drivers say they have left."""
    free = volumes(claim(size="2Gi"), storage_class("late"), volume("v", "a", size="4Gi"), volume("w", "b", size="2Gi"))
    state, pod = cluster(*NODES), using("c")
    assert binding(free).scores(pod, state, state.nodes) == [50, 0]
    filling = VolumeBinding(free, Client(Nowhere()), VirtualClock(), shape=((0, 0), (100, 10)))
    assert filling.scores(pod, state, state.nodes) == [50, 100]
    meta = {"namespace": "d", "resourceVersion": "1"}
    driver = {
        "kind": "CSIDriver",
        "metadata": {**meta, "name": "p", "namespace": ""},
        "spec": {"storageCapacity": True},
    }
    left = [
        {
            "kind": "CSIStorageCapacity",
            "metadata": {**meta, "name": zone, "uid": zone},
            "nodeTopology": {"matchLabels": {ZONE: zone}},
            "storageClassName": "late",
            "capacity": capacity,
        }
        for zone, capacity in (("a", "4Gi"), ("b", "10Gi"))
    ]
    known = volumes(claim(), claim("d"), storage_class("late", "p"), driver, *left)
    assert binding(known).scores(using("c", "d"), state, state.nodes) == [50, 80]
    assert binding(known).scores(using(), state, state.nodes) is None


def test_a_claim_for_one_pod_alone() -> None:
    known = volumes(claim(accessModes=["ReadWriteOncePod"]))
    plugin, other = VolumeRestrictions(known), using("c", name="other").object
    assert verdicts(plugin, using("c"), *NODES) == ["", ""]
    other["spec"]["nodeName"] = "a"
    taken = verdicts(plugin, using("c"), *NODES, other)
    assert taken == [TAKEN] * 2


@pytest.mark.parametrize(
    ("disk", "conflicts"),
    [
        ({"gcePersistentDisk": {"pdName": "d"}}, True),
        ({"gcePersistentDisk": {"pdName": "d", "readOnly": True}}, False),
        ({"awsElasticBlockStore": {"volumeID": "d", "readOnly": True}}, True),
        ({"iscsi": {"iqn": "d"}}, True),
        ({"rbd": {"monitors": ["m"], "pool": "p", "image": "i"}}, True),
    ],
)
def test_a_disk_that_only_one_may_write_to(disk: Object, conflicts: bool) -> None:
    there = info("there", node="a", volumes=[{"name": "v", **disk}]).object
    found = verdicts(VolumeRestrictions(volumes()), info(volumes=[{"name": "v", **disk}]), *NODES, there)
    assert found == ["node(s) had no available disk" if conflicts else "", ""]


def test_zones_of_volumes_by_their_labels() -> None:
    labels = {"failure-domain.beta.kubernetes.io/zone": "b__c"}
    known = volumes(claim(volumeName="v"), volume("v", labels=labels))
    assert verdicts(VolumeZone(known), using("c"), *NODES, node("z")) == [
        "node(s) had no available volume zone",
        "",
        "",
    ]


def test_so_many_volumes_and_no_more() -> None:
    def csi(name: str) -> Object:
        return volume(name, csi={"driver": "p", "volumeHandle": name})

    limit = [{"name": "p", "allocatable": {"count": 1}}]
    csi_node = {
        "kind": "CSINode",
        "metadata": {"name": "a", "uid": "a", "resourceVersion": "1"},
        "spec": {"drivers": limit},
    }
    known = volumes(claim(volumeName="v"), claim("d", volumeName="w"), csi("v"), csi("w"), csi_node)
    there = using("c", name="there", node="a").object
    plugin = NodeVolumeLimits(known)
    assert verdicts(plugin, using("d"), *NODES, there) == ["node(s) exceed max volume count", ""]
    assert verdicts(plugin, using("c"), *NODES, there) == ["", ""]  # the same volume again
