"""What the server asks of who writes resource claims: a label for administrators, and permissions for statuses."""

from typing import Any

import pytest

from tests.apiserver.harness import API

CLAIMS = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims"
TEMPLATES = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaimtemplates"
ROLES = "/apis/rbac.authorization.k8s.io/v1"
LABEL = {"metadata": {"labels": {"resource.kubernetes.io/admin-access": "true"}}}
RESULT = {"request": "gpu", "driver": "d.io", "pool": "p", "device": "gpu-0"}


def spec(**fields: Any) -> dict[str, Any]:
    return {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "c", **fields}}]}}


def claim(name: str, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec(**fields)}


async def test_administrators_need_a_label_on_the_namespace(api: API) -> None:
    template = {"metadata": {"name": "t"}, "spec": {"spec": spec(adminAccess=True)}}
    for place, body in ((CLAIMS, claim("c", adminAccess=True)), (TEMPLATES, template)):
        refused = await api.call("POST", place, body)
        (cause,) = refused.body["details"]["causes"]
        assert (refused.status, cause["field"]) == (422, "spec.devices.requests[0].adminAccess")
        assert (
            "admin access to devices requires the `resource.kubernetes.io/admin-access: true` label" in cause["message"]
        )
    await api.patch("/api/v1/namespaces/default", LABEL)
    await api.create(CLAIMS, claim("c", adminAccess=True))
    await api.create(TEMPLATES, template)


async def allow(api: API, name: str, *rules: tuple[list[str], str]) -> None:
    """Let Joe use verbs on resources, in the whole cluster."""
    listed = [{"verbs": verbs, "apiGroups": ["resource.k8s.io"], "resources": [resource]} for verbs, resource in rules]
    await api.create(f"{ROLES}/clusterroles", {"metadata": {"name": name}, "rules": listed})
    role, subject = {"kind": "ClusterRole", "name": name}, {"kind": "User", "name": "joe"}
    binding = {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
    await api.create(f"{ROLES}/clusterrolebindings", binding)


@pytest.fixture
async def allocated(api: API) -> API:
    """A claim that has a device; Joe may write the statuses of claims as such."""
    await api.create(CLAIMS, claim("c"))
    allocation = {"devices": {"results": [RESULT]}}
    assert (await api.patch(f"{CLAIMS}/c/status", {"status": {"allocation": allocation}})).status == 200
    await allow(api, "statuses", (["patch"], "resourceclaims/status"))
    return api


async def test_allocating_is_the_schedulers(allocated: API) -> None:
    reserve = {"status": {"reservedFor": [{"resource": "pods", "name": "p", "uid": "1"}]}}
    refused = await allocated.patch(f"{CLAIMS}/c/status", reserve, user="joe")
    (cause,) = refused.body["details"]["causes"]
    assert (refused.status, cause["field"]) == (422, "status.allocation")
    assert cause["message"].endswith(
        'Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", '
        'verb="patch" permission: resourceclaims.resource.k8s.io is forbidden: User "joe" cannot patch resource '
        '"resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope'
    )
    await allow(allocated, "bind", (["patch"], "resourceclaims/binding"))
    assert (await allocated.patch(f"{CLAIMS}/c/status", reserve, user="joe")).status == 200


async def test_what_is_told_of_devices_is_their_drivers(allocated: API) -> None:
    told = {"status": {"devices": [{"driver": "d.io", "pool": "p", "device": "gpu-0"}]}}
    refused = await allocated.patch(f"{CLAIMS}/c/status", told, user="joe")
    (cause,) = refused.body["details"]["causes"]
    assert (refused.status, cause["field"]) == (422, "status.devices")
    assert 'resource="resourceclaims/driver", verb="[arbitrary-node:patch]" permission' in cause["message"]
    await allow(allocated, "tell", (["arbitrary-node:patch"], "resourceclaims/driver"))
    assert (await allocated.patch(f"{CLAIMS}/c/status", told, user="joe")).status == 200


async def test_taints_get_the_time_of_the_write(api: API) -> None:
    place = "/apis/resource.k8s.io/v1/devicetaintrules"
    taint = {"key": "a", "effect": "NoSchedule"}
    made = await api.create(place, {"metadata": {"name": "r"}, "spec": {"taint": taint}})
    assert made["spec"]["taint"]["timeAdded"] == made["metadata"]["creationTimestamp"]
    same = await api.call("PUT", f"{place}/r", made)
    assert same.body["metadata"]["generation"] == 1


async def test_a_deleted_claim_is_returned(api: API) -> None:
    await api.create(CLAIMS, claim("c"))
    assert (await api.call("DELETE", f"{CLAIMS}/c")).body["kind"] == "ResourceClaim"
