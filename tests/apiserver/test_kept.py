"""Whatever the cluster needs comes back when it is deleted, and what is nobody's to change is changed back."""

from collections.abc import AsyncIterator
from datetime import date
from ipaddress import IPv4Network
from typing import Any

import pytest

from sampan.apiserver.authentication.request_header import NO_FRONT_PROXIES
from sampan.apiserver.bootstrap.kept import FLOW_AUTO_UPDATE
from sampan.apiserver.bootstrap.start import Place, groups
from sampan.controllers.accounts import accounts
from sampan.dns.objects import dns_objects
from sampan.machinery.meta import Object
from sampan.testing.clock import VirtualClock, settle
from tests.apiserver.harness import API, running

ADDRESS = "192.0.2.7"
FURTHER = [*accounts(), *dns_objects("10.96.0.10", "10.244.0.1", 10053, "n1")]
PLACE = Place(
    service_range=IPv4Network("10.96.0.0/12"),
    address=ADDRESS,
    port=6443,
    client_ca=b"",
    front_proxies=NO_FRONT_PROXIES,
)
NEEDED = [kept.wanted for group in groups(PLACE, date(2026, 1, 1), FURTHER) for kept in group]
FLOWS = "/apis/flowcontrol.apiserver.k8s.io/v1"


class Rig:
    """A server and its clock."""

    def __init__(self, api: API, clock: VirtualClock) -> None:
        self.api, self.clock = api, clock

    async def passes(self, seconds: float) -> None:
        """Let time pass, and what it wakes come to an end."""
        await self.clock.advance(seconds)
        await settle(5000)

    def path(self, obj: Object) -> str:
        """Where an object lies."""
        kind = self.api.server.services.catalogue.by_kind[obj["apiVersion"], obj["kind"]].kind
        return kind.path(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A server whose time stands still until it is told to go on."""
    clock = VirtualClock()
    async with running(advertise_address=ADDRESS, sleep=clock.sleep, objects=FURTHER) as api:
        yield Rig(api, clock)


def essence(obj: Object) -> Object:
    """An object without what tells it from one of the same name, and what others say of it."""
    meta = {k: v for k, v in obj["metadata"].items() if k in ("name", "namespace", "labels", "annotations")}
    return {**{k: v for k, v in obj.items() if k != "status"}, "metadata": meta}


async def test_everything_comes_back(rig: Rig) -> None:
    """`kubectl delete svc --all` and its likes."""
    needed = [obj for obj in NEEDED if obj["kind"] != "Namespace"]
    before = [await rig.api.get(rig.path(obj)) for obj in needed]
    for obj in needed:
        assert (await rig.api.call("DELETE", rig.path(obj))).status == 200, obj
    await rig.passes(9)
    assert (await rig.api.call("GET", rig.path(needed[0]))).status == 404
    await rig.passes(1)
    after = [await rig.api.get(rig.path(obj)) for obj in needed]
    assert [essence(obj) for obj in after] == [essence(obj) for obj in before]


async def test_a_pass_that_finds_all_in_place_writes_nothing(rig: Rig) -> None:
    await rig.passes(20)
    before = rig.api.server.config.store.revision
    await rig.passes(60)
    assert rig.api.server.config.store.revision == before


async def test_namespaces_of_the_system(rig: Rig) -> None:
    for name in ("kube-public", "kube-node-lease"):
        path = f"/api/v1/namespaces/{name}"
        assert (await rig.api.call("DELETE", path)).status in (200, 403)
        await rig.api.call("PUT", f"{path}/finalize", (await rig.api.get(path)) | {"spec": {"finalizers": []}})
    await rig.passes(10)
    names = [item["metadata"]["name"] for item in (await rig.api.get("/api/v1/namespaces"))["items"]]
    assert {"default", "kube-system", "kube-public", "kube-node-lease"} <= set(names)


async def test_ports_of_the_server_are_its_own(rig: Rig) -> None:
    path = "/api/v1/namespaces/default/services/kubernetes"
    before = await rig.api.get(path)
    await rig.api.patch(path, {"spec": {"ports": [{"name": "https", "port": 443, "targetPort": 1}]}})
    await rig.api.patch("/api/v1/namespaces/default/endpoints/kubernetes", {"subsets": []})
    await rig.passes(10)
    assert (await rig.api.get(path))["spec"] == before["spec"]
    assert (await rig.api.get("/api/v1/namespaces/default/endpoints/kubernetes"))["subsets"]


async def test_what_others_add_to_further_objects_stays(rig: Rig) -> None:
    path = "/api/v1/namespaces/kube-system/services/kube-dns"
    change = {"metadata": {"labels": {"a": "b", "k8s-app": "other"}}, "spec": {"selector": {"x": "y"}}}
    await rig.api.patch(path, change)
    await rig.passes(10)
    found = await rig.api.get(path)
    assert (found["metadata"]["labels"]["a"], found["metadata"]["labels"]["k8s-app"]) == ("b", "kube-dns")
    assert found["spec"]["selector"] == {"x": "y"}


async def flow(rig: Rig, name: str) -> Any:
    """A FlowSchema as it is after a pass: its precedence, and whether it is kept up."""
    await rig.passes(10)
    found = await rig.api.get(f"{FLOWS}/flowschemas/{name}")
    return found["spec"]["matchingPrecedence"], found["metadata"]["annotations"].get(FLOW_AUTO_UPDATE)


async def change(rig: Rig, name: str, annotation: str | None = None, **spec: Any) -> None:
    """What an administrator does to a FlowSchema."""
    meta = {"annotations": {FLOW_AUTO_UPDATE: annotation}}
    answer = await rig.api.patch(f"{FLOWS}/flowschemas/{name}", {"metadata": meta, "spec": spec})
    assert answer.status == 200, answer


async def test_flow_schemas(rig: Rig) -> None:
    await change(rig, "service-accounts", "true", matchingPrecedence=7777)
    assert await flow(rig, "service-accounts") == (9000, "true")
    await change(rig, "service-accounts", "false", matchingPrecedence=7777)
    assert await flow(rig, "service-accounts") == (7777, "false")
    await change(rig, "probes", None)  # nobody has said, but nobody has changed it either
    assert await flow(rig, "probes") == (2, "true")
    await change(rig, "system-nodes", None, matchingPrecedence=555)
    assert await flow(rig, "system-nodes") == (555, "false")
    await change(rig, "exempt", "false")
    assert await flow(rig, "exempt") == (1, "true")


async def test_flow_schemas_of_earlier_releases_go(rig: Rig) -> None:
    spec = {"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 50}
    for name, annotations in (("old", {FLOW_AUTO_UPDATE: "true"}), ("taken", {FLOW_AUTO_UPDATE: "false"}), ("own", {})):
        await rig.api.create(
            f"{FLOWS}/flowschemas", {"metadata": {"name": name, "annotations": annotations}, "spec": spec}
        )
    await rig.passes(10)
    found = {item["metadata"]["name"] for item in (await rig.api.get(f"{FLOWS}/flowschemas"))["items"]}
    assert {"taken", "own"} <= found
    assert "old" not in found


async def test_one_that_is_refused_keeps_nobody_from_the_rest(rig: Rig) -> None:
    rules = [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["services"]}]
    policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    spec = {"matchConstraints": {"resourceRules": rules}, "validations": [{"expression": "false"}]}
    await rig.api.create(policies, {"metadata": {"name": "no"}, "spec": spec})
    bound = {"policyName": "no", "validationActions": ["Deny"]}
    bindings = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
    await rig.api.create(bindings, {"metadata": {"name": "no"}, "spec": bound})
    services = [obj for obj in NEEDED if obj["kind"] == "Service"]
    others = [obj for obj in NEEDED if obj["kind"] in ("EndpointSlice", "ServiceAccount", "FlowSchema")]
    for obj in (*services, *others):
        await rig.api.call("DELETE", rig.path(obj))
    await rig.passes(10)
    for obj in others:
        await rig.api.get(rig.path(obj))
    assert (await rig.api.call("GET", rig.path(services[0]))).status == 404
    await rig.api.call("DELETE", f"{bindings}/no")
    await rig.passes(10)
    await rig.api.get(rig.path(services[0]))
