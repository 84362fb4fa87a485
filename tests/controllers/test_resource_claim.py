"""Claims for devices: made from templates for pods, reserved for who was bound by hand, and released."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.controllers.resource_claim.making import beginning, made_from
from sampan.controllers.resource_claim.pods import claims, needs_work, statuses
from sampan.controllers.resource_claim.releasing import Release, release
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.resource.names import CLAIM_FINALIZER
from sampan.kinds.resource.resource_claim import KIND as CLAIM
from sampan.kinds.resource.resource_claim_template import KIND as TEMPLATE
from sampan.machinery.meta import Object, annotations_of, labels_of
from tests.controllers.cluster import NS, Cluster

GENERATED, NAMED = {"name": "gpu", "resourceClaimTemplateName": "t"}, {"name": "net", "resourceClaimName": "shared"}
DEVICES = {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "c"}}]}
ALLOCATION = {"devices": {"results": [{"request": "gpu", "driver": "d.io", "pool": "p", "device": "gpu-0"}]}}


def pod(*entries: Object, node: str = "", told: list[Object] | None = None, **status: Any) -> Object:
    spec = {"resourceClaims": list(entries), "nodeName": node}
    meta = {"name": "p", "namespace": NS, "uid": "u"}
    return {"metadata": meta, "spec": spec, "status": {"resourceClaimStatuses": told, **status}}


def claim(*reserved: Object, owner: str = "", allocated: bool = False, **meta: Any) -> Object:
    owners = [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": owner, "controller": True}] if owner else []
    allocation = {"allocation": ALLOCATION} if allocated else {}
    made = {"name": "c", "namespace": NS, "ownerReferences": owners, **meta}
    return {"metadata": made, "status": {**allocation, "reservedFor": list(reserved)}}


def consumer(uid: str, **more: Any) -> Object:
    return {"resource": "pods", "name": uid, "uid": uid, **more}


TOLD = [{"name": "gpu", "resourceClaimName": "c"}]


@pytest.mark.parametrize(
    ("one", "there", "needs"),
    [
        (pod(GENERATED), None, True),
        (pod(NAMED), None, False),  # somebody else makes it
        (pod(GENERATED, told=[{"name": "gpu"}]), None, False),  # none is needed
        (pod(GENERATED, told=TOLD), None, True),
        (pod(GENERATED, told=TOLD), claim(owner="u", allocated=True), False),  # the scheduler reserves it
        (pod(GENERATED, told=TOLD, node="n"), claim(owner="u", allocated=True), True),
        (pod(GENERATED, told=TOLD, node="n"), claim(consumer("u"), owner="u", allocated=True), False),
        (pod(GENERATED, told=TOLD, node="n"), claim(owner="other", allocated=True), False),
        (pod(NAMED, node="n"), claim(), False),
    ],
)
def test_what_a_pod_needs(one: Object, there: Object | None, needs: bool) -> None:
    assert needs_work(one, lambda name: there) is needs
    one["metadata"]["deletionTimestamp"] = "x"
    assert not needs_work(one, lambda name: there)


def test_all_names_of_claims() -> None:
    extended = {"extendedResourceClaimStatus": {"resourceClaimName": "extended"}}
    one = pod(GENERATED, NAMED, {"name": "later", "resourceClaimTemplateName": "t"}, told=TOLD, **extended)
    assert [key.name for key in claims(one)] == ["c", "shared", "extended"]
    assert statuses(one, {"later": "d"}) == [*TOLD, {"name": "later", "resourceClaimName": "d"}]


@given(st.text("a", min_size=1, max_size=253), st.text("b", min_size=1, max_size=63))
def test_names_are_cut_in_proportion(pod: str, entry: str) -> None:
    made = beginning(pod, entry)
    assert len(made) <= 58
    assert made.startswith("a") or len(pod) < 2
    assert made == f"{pod}-{entry}-" or not made.endswith("-") or len(entry) < 5


def test_a_claim_has_what_its_template_says() -> None:
    metadata = {"labels": {"a": "b"}, "annotations": {"note": "x"}}
    one = {"apiVersion": "v1", "kind": "Pod", **pod(GENERATED)}
    made = made_from({"spec": {"metadata": metadata, "spec": {"devices": DEVICES}}}, one, "gpu")
    assert (made["spec"], labels_of(made)) == ({"devices": DEVICES}, {"a": "b"})
    assert annotations_of(made) == {"note": "x", "resource.kubernetes.io/pod-claim-name": "gpu"}
    [owner] = made["metadata"]["ownerReferences"]
    assert owner == {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": True}


OTHER = {"apiGroup": "example.com", "resource": "things", "name": "gone", "uid": "gone"}


@pytest.mark.parametrize(
    ("one", "made"),
    [
        (claim(), Release(unused=True)),
        (claim(consumer("here")), Release()),
        (claim(consumer("gone"), consumer("here")), Release({"reservedFor": [consumer("here")]})),
        (
            claim(consumer("gone"), allocated=True, finalizers=[CLAIM_FINALIZER]),
            Release({"reservedFor": []}, unprotect=True, unused=True),
        ),
        (
            claim(consumer("gone"), allocated=True),  # whoever allocated it is not known here
            Release({"allocation": ALLOCATION, "reservedFor": []}, unused=True),
        ),
        (claim(OTHER, allocated=True, finalizers=[CLAIM_FINALIZER]), Release()),
        (claim(allocated=True, finalizers=[CLAIM_FINALIZER]), Release(unused=True)),  # nobody has used it yet
        (
            claim(allocated=True, finalizers=[CLAIM_FINALIZER], deletionTimestamp="x"),
            Release({"reservedFor": []}, unprotect=True, unused=True),
        ),
        (claim(finalizers=[CLAIM_FINALIZER], deletionTimestamp="x"), Release(unprotect=True, unused=True)),
    ],
)
def test_what_becomes_of_a_claim(one: Object, made: Release) -> None:
    assert release(one, {"gone"}) == made


async def start(cluster: Cluster, name: str, *entries: Object) -> Object:
    containers = [{"name": "c", "image": "i", "resources": {"claims": [{"name": one["name"]} for one in entries]}}]
    spec = {"containers": containers, "resourceClaims": list(entries)}
    await cluster.create(POD, {"metadata": {"name": name}, "spec": spec})
    return await cluster.one(POD, name, lambda found: found["status"]["phase"] == "Running")


async def allocate(cluster: Cluster, name: str) -> None:
    """What a scheduler does, but for reserving the claim."""
    await cluster.patch(CLAIM, name, {"metadata": {"finalizers": [CLAIM_FINALIZER]}})
    await cluster.patch(CLAIM, name, {"status": {"allocation": ALLOCATION}}, subresource="status")


def users(claim: Object) -> list[str]:
    return [one["name"] for one in (claim.get("status") or {}).get("reservedFor") or ()]


async def test_a_generated_claim_lives_as_long_as_its_pod_runs(cluster: Cluster) -> None:
    await start(cluster, "web", GENERATED)
    message = 'PodResourceClaim gpu: resource claim template "t": resourceclaimtemplate.resource.k8s.io "t" not found'
    told = await cluster.until(EVENT, lambda found: any(one["message"] == message for one in found))
    assert {one["source"]["component"] for one in told if one["message"] == message} == {"resource_claim"}
    await cluster.create(TEMPLATE, {"metadata": {"name": "t"}, "spec": {"spec": {"devices": DEVICES}}})
    [made] = await cluster.until(CLAIM, lambda found: len(found) == 1)
    name = made["metadata"]["name"]
    assert name.startswith("web-gpu-")
    wanted = [{"name": "gpu", "resourceClaimName": name}]
    await cluster.one(POD, "web", lambda found: found["status"].get("resourceClaimStatuses") == wanted)
    await allocate(cluster, name)
    await cluster.one(CLAIM, name, lambda found: users(found) == ["web"])
    await cluster.patch(POD, "web", {"status": {"phase": "Succeeded"}}, subresource="status")
    await cluster.gone(CLAIM, name)


async def test_a_deleted_claim_is_made_again_and_goes_with_its_pod(cluster: Cluster) -> None:
    await cluster.create(TEMPLATE, {"metadata": {"name": "t"}, "spec": {"spec": {"devices": DEVICES}}})
    await start(cluster, "web", GENERATED)
    [first] = await cluster.until(CLAIM, lambda found: len(found) == 1)
    await cluster.one(POD, "web", lambda found: bool(found["status"].get("resourceClaimStatuses")))
    await cluster.client.delete(CLAIM, first["metadata"]["name"], NS)
    [second] = await cluster.until(CLAIM, lambda found: [one for one in found if one != first] == found != [])
    name = second["metadata"]["name"]
    assert name != first["metadata"]["name"]
    await cluster.one(
        POD, "web", lambda found: found["status"]["resourceClaimStatuses"][0]["resourceClaimName"] == name
    )
    await cluster.client.delete(POD, "web", NS)
    await cluster.gone(CLAIM, name)


async def test_a_shared_claim_loses_its_devices_with_its_last_pod(cluster: Cluster) -> None:
    await cluster.create(CLAIM, {"metadata": {"name": "shared"}, "spec": {"devices": DEVICES}})
    await allocate(cluster, "shared")
    await start(cluster, "a", NAMED)
    await start(cluster, "b", NAMED)
    await cluster.one(CLAIM, "shared", lambda found: sorted(users(found)) == ["a", "b"])
    await cluster.client.delete(POD, "a", NS)
    left = await cluster.one(CLAIM, "shared", lambda found: users(found) == ["b"])
    assert left["status"]["allocation"]
    await cluster.patch(POD, "b", {"status": {"phase": "Failed"}}, subresource="status")
    free = await cluster.one(
        CLAIM, "shared", lambda found: not users(found) and not found["metadata"].get("finalizers")
    )
    assert "allocation" not in free["status"]
