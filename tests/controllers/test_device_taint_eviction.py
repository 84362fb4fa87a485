"""Evicting pods from tainted devices: which taints count, when pods go, and what rules are told."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.controllers.device_taint_eviction.eviction import Eviction, pod_eviction
from sampan.controllers.device_taint_eviction.rule_status import Counts, condition, wait
from sampan.controllers.device_taint_eviction.taints import Taint, evicting, leaves_at, published, selects
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.resource.device_taint_rule import KIND as RULE
from sampan.kinds.resource.resource_claim import KIND as CLAIM
from sampan.kinds.resource.resource_slice import KIND as SLICE
from sampan.machinery.meta import Object, format_time
from sampan.testing.clock import EPOCH
from tests.controllers.cluster import NODE_NAME, Cluster
from tests.controllers.test_resource_claim import DEVICES, NAMED, allocate, start

ADDED = "2025-01-01T00:00:00Z"
SINCE = datetime.fromisoformat(ADDED)
DEVICE = {"driver": "d.io", "pool": "p", "device": "gpu-0"}
ALL = {"driver": "d.io"}


def taint(effect: str = "NoExecute", **more: Any) -> Object:
    return {"key": "broken", "value": "very", "effect": effect, "timeAdded": ADDED, **more}


def offered(*taints: Object, generation: int = 1, name: str = "gpu-0") -> Object:
    pool = {"name": "p", "generation": generation, "resourceSliceCount": 1}
    return {"spec": {"driver": "d.io", "pool": pool, "devices": [{"name": name, "taints": list(taints)}]}}


def rule(selector: Object | None, effect: str = "NoExecute", uid: str = "r") -> Object:
    spec = {"taint": taint(effect)} | ({} if selector is None else {"deviceSelector": selector})
    return {"metadata": {"name": uid, "uid": uid, "generation": 1}, "spec": spec}


def test_taints_of_drivers_and_rules() -> None:
    rules = [rule(ALL), rule({"driver": "e.io"}, uid="other"), rule(ALL, "NoSchedule", uid="no"), rule(None, uid="n")]
    found = evicting(DEVICE, [offered(taint(), taint("NoSchedule"))], rules)
    assert list(found) == [Taint(taint(), ""), Taint(taint(), "r")]
    newer = [offered(taint()), offered(generation=2)]  # what is in an older generation is out of date
    assert list(evicting(DEVICE, newer, [])) == []
    assert [one["name"] for one in published([offered(), offered(name="gpu-1")])] == ["gpu-0", "gpu-1"]
    assert selects(rule({"pool": "p", "device": "gpu-0"}), DEVICE)
    assert selects(rule({}), DEVICE)
    assert not selects(rule({"pool": "p", "device": "gpu-1"}), DEVICE)


EXISTS = {"operator": "Exists", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("tolerations", "seconds"),
    [
        ([], 0),
        ([EXISTS], None),
        ([EXISTS | {"effect": "NoSchedule"}], 0),
        ([{"operator": "Exists"}], 0),  # for no effect in particular: does not hold evictions off
        ([EXISTS | {"key": "broken", "tolerationSeconds": 30}], 30),
        ([EXISTS | {"key": "other"}], 0),
        ([EXISTS | {"tolerationSeconds": 30}, EXISTS | {"tolerationSeconds": 20}], 20),
        ([EXISTS | {"tolerationSeconds": 30}, EXISTS], None),
        ([{"key": "broken", "value": "very", "effect": "NoExecute", "tolerationSeconds": -5}], 0),
        ([{"key": "broken", "operator": "Equal", "value": "little", "effect": "NoExecute"}], 0),
        ([{"operator": "Sometimes", "effect": "NoExecute"}], 0),
    ],
)
def test_tolerations(tolerations: list[Object], seconds: int | None) -> None:
    left = leaves_at({**DEVICE, "tolerations": tolerations}, taint())
    assert left == (None if seconds is None else SINCE + timedelta(seconds=seconds))


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_number_of_seconds(seconds: int) -> None:
    left = leaves_at({**DEVICE, "tolerations": [EXISTS | {"tolerationSeconds": seconds}]}, taint())
    assert left is not None and left >= SINCE


def claim(*results: Object, user: str = "u") -> Object:
    reserved = [{"resource": "pods", "name": "p", "uid": user}]
    status = {"allocation": {"devices": {"results": list(results)}}, "reservedFor": reserved}
    return {"metadata": {"name": "shared"}, "status": status}


def test_a_pod_goes_with_the_first_of_its_devices() -> None:
    pod = {"metadata": {"name": "p", "uid": "u"}, "spec": {"nodeName": "n", "resourceClaims": [NAMED]}}
    later = {**DEVICE, "device": "gpu-1", "tolerations": [EXISTS | {"tolerationSeconds": 5}]}
    taints = {"gpu-0": [], "gpu-1": [Taint(taint(), "a"), Taint(taint(), "")], "gpu-2": [Taint(taint(), "b")]}

    def eviction(*results: Object, user: str = "u") -> Eviction | None:
        return pod_eviction(pod, lambda name: claim(*results, user=user), lambda device: taints[device["device"]])

    assert eviction(DEVICE) is None
    assert eviction(DEVICE, later) == Eviction(SINCE + timedelta(seconds=5), frozenset("a"))
    assert eviction(later, {**DEVICE, "device": "gpu-2"}) == Eviction(SINCE, frozenset("ab"))
    assert eviction(later, user="another") is None
    pod["spec"]["nodeName"] = ""
    assert eviction(later) is None


@pytest.mark.parametrize(
    ("effect", "counts", "told"),
    [
        ("NoExecute", Counts(), ("False", "NotStarted", "")),
        ("NoExecute", Counts("a"), ("True", "PodsPendingEviction", "1 pod needs to be evicted in 1 namespace.")),
        (
            "NoExecute",
            Counts(["a", "b", "a"], evicted=1),
            (
                "True",
                "PodsPendingEviction",
                "3 pods need to be evicted in 2 different namespaces. 1 pod evicted since starting the controller.",
            ),
        ),
        (
            "NoExecute",
            Counts(evicted=2),
            ("False", "Completed", "2 pods evicted since starting the controller."),
        ),
        ("NoSchedule", Counts(), ("False", "OtherEffect", "Eviction only happens for the NoExecute effect.")),
        (
            "None",
            Counts("a", published=1, allocated=2),
            (
                "False",
                "NoEffect",
                "1 published device selected. 2 allocated devices selected. 1 pod would be evicted in 1 namespace"
                " if the effect was NoExecute. This information will not be updated again."
                " Recreate the DeviceTaintRule to trigger an update.",
            ),
        ),
    ],
)
def test_what_a_rule_is_told(effect: str, counts: Counts, told: tuple[str, str, str]) -> None:
    one = rule(ALL, effect)
    made = condition(one, counts, SINCE)
    assert (made["status"], made["reason"], made["message"]) == told
    one["status"] = {"conditions": [made]}
    later = SINCE + timedelta(seconds=4)
    assert condition(one, counts, later) == made
    assert wait(one, later) == 6
    one["metadata"]["generation"] = 2
    assert wait(one, later) == 0


async def test_pods_leave_a_device_when_their_time_is_over(cluster: Cluster) -> None:
    await cluster.create(CLAIM, {"metadata": {"name": "shared"}, "spec": {"devices": DEVICES}})
    await allocate(cluster, "shared")
    await start(cluster, "web", NAMED)
    await cluster.one(CLAIM, "shared", lambda found: bool(found["status"].get("reservedFor")))
    spec = {"deviceSelector": ALL, "taint": {"key": "broken", "effect": "None"}}
    await cluster.create(RULE, {"metadata": {"name": "r"}, "spec": spec})

    def told(reason: str) -> Any:
        return lambda found: any(c["reason"] == reason for c in found.get("status", {}).get("conditions") or ())

    simulated = await cluster.one(RULE, "r", told("NoEffect"))
    assert "1 pod would be evicted in 1 namespace" in simulated["status"]["conditions"][0]["message"]
    at = format_time(cluster.clock.now() + timedelta(seconds=60))
    await cluster.client.patch(RULE, "r", {"spec": {"taint": {"effect": "NoExecute", "timeAdded": at}}})
    await cluster.one(RULE, "r", told("PodsPendingEviction"))
    await cluster.client.patch(RULE, "r", {"spec": {"taint": {"effect": "NoSchedule"}}})
    messages = ("Cancelling deletion", "Marking for deletion")
    await cluster.until(EVENT, lambda found: any(one["message"] == messages[0] for one in found))
    await cluster.client.patch(RULE, "r", {"spec": {"taint": {"effect": "NoExecute", "timeAdded": format_time(EPOCH)}}})
    await cluster.gone(POD, "web")
    told_of = await cluster.until(EVENT, lambda found: any(one["message"] == messages[1] for one in found))
    assert {one["reason"] for one in told_of if one["message"] in messages} == {"DeviceTaintManagerEviction"}
    done = await cluster.one(RULE, "r", told("Completed"))
    assert done["status"]["conditions"][0]["message"] == "1 pod evicted since starting the controller."


async def test_a_drivers_own_taint(cluster: Cluster) -> None:
    await cluster.create(CLAIM, {"metadata": {"name": "shared"}, "spec": {"devices": DEVICES}})
    await allocate(cluster, "shared")
    await start(cluster, "web", NAMED)
    await cluster.one(CLAIM, "shared", lambda found: bool(found["status"].get("reservedFor")))
    seen = list[str]()
    cluster.informer(POD).on_change(lambda old, new: seen.append(str((new or {}).get("status"))))
    made = offered({"key": "broken", "effect": "NoExecute"})
    made["spec"]["nodeName"] = NODE_NAME
    await cluster.create(SLICE, {"metadata": {"name": "s"}, **made})
    await cluster.gone(POD, "web")
    assert any("DeletionByDeviceTaintManager" in status for status in seen)
