"""What a new cluster starts with, and what is mended at a restart."""

from typing import Any

import pytest

from sampan.apiserver.authentication.user import authenticated
from sampan.apiserver.authorization.attributes import Attributes, Decision
from sampan.apiserver.bootstrap import policy
from sampan.storage.memory import MemoryStore
from sampan.testing.clock import VirtualClock
from tests.apiserver.harness import API, running

ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"


def may(api: API, name: str, groups: tuple[str, ...], verb: str, place: str, namespace: str = "") -> bool:
    """Whether a user is allowed to do it; `place` is group:resource."""
    group, _, resource = place.partition(":")
    plural, _, sub = resource.partition("/")
    question = Attributes(authenticated(name, groups), verb, True, namespace, group, "v1", plural, sub)
    decision = api.server.services.authorizers.decide(question)
    assert isinstance(decision, Decision)
    return decision.allowed


async def test_objects(api: API) -> None:
    names = [item["metadata"]["name"] for item in (await api.get("/api/v1/namespaces"))["items"]]
    assert names == ["default", "kube-node-lease", "kube-public", "kube-system"]
    service = await api.get("/api/v1/namespaces/default/services/kubernetes")
    assert service["spec"]["clusterIP"] == "10.96.0.1"
    classes = (await api.get("/apis/scheduling.k8s.io/v1/priorityclasses"))["items"]
    assert {c["metadata"]["name"]: c["value"] for c in classes} == {
        "system-node-critical": 2000001000,
        "system-cluster-critical": 2000000000,
    }


async def test_the_service_leads_to_the_server() -> None:
    async with running(advertise_address="192.0.2.7") as api:
        endpoints = await api.get("/api/v1/namespaces/default/endpoints/kubernetes")
        assert endpoints["subsets"][0]["addresses"] == [{"ip": "192.0.2.7"}]
        assert endpoints["subsets"][0]["ports"][0]["port"] == api.server.port
        slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
        assert (await api.get(slices))["endpoints"][0]["addresses"] == ["192.0.2.7"]


async def test_what_an_administrator_changes_stays_until_a_restart() -> None:
    clock = VirtualClock()
    async with running(sleep=clock.sleep) as api:
        await api.patch(f"{ROLES}/view", {"rules": []})
        await clock.advance(30)
        assert not (await api.get(f"{ROLES}/view"))["rules"]


async def test_components_may_do_their_work(api: API) -> None:
    node = ("system:node:n1", ("system:nodes",))
    assert may(api, *node, "patch", ":nodes/status")
    assert may(api, *node, "create", ":pods/eviction", "default")
    assert not may(api, *node, "delete", ":nodes")
    assert may(api, "system:kube-scheduler", (), "create", ":pods/binding", "default")
    assert may(api, "system:kube-proxy", (), "watch", "discovery.k8s.io:endpointslices")
    assert may(api, "system:serviceaccount:kube-system:kube-dns", (), "watch", ":services")
    controller = "system:serviceaccount:kube-system:deployment-controller"
    assert may(api, controller, (), "create", "apps:replicasets", "default")
    assert not may(api, controller, (), "create", ":pods", "default")


def rules(role: str) -> list[dict[str, Any]]:
    """The rules of a default role."""
    found: list[dict[str, Any]] = next(r for r in policy.roles() if r["metadata"]["name"] == role)["rules"]
    return found


def grants(role: str, verb: str, place: str) -> bool:
    """Whether a default role has a rule for a verb; `place` is group:resource."""
    group, _, resource = place.partition(":")
    granted = (r for r in rules(role) if group in r.get("apiGroups", ()) and resource in r.get("resources", ()))
    return any(verb in rule["verbs"] for rule in granted)


@pytest.mark.parametrize(
    "place",
    [
        ":persistentvolumeclaims",
        "events.k8s.io:events",
        "autoscaling:horizontalpodautoscalers",
        "networking.k8s.io:networkpolicies",
        "policy:poddisruptionbudgets",
        "resource.k8s.io:resourceclaims",
    ],
)
def test_who_may_edit_may_write_what_belongs_to_a_namespace(place: str) -> None:
    assert grants("edit", "update", place) and grants("view", "watch", place) and not grants("view", "update", place)


@pytest.mark.parametrize("place", [":limitranges", ":resourcequotas", ":resourcequotas/status"])
def test_limits_are_only_read(place: str) -> None:
    assert grants("view", "list", place) and not grants("admin", "update", place)


def test_aggregated_roles_contain_each_other() -> None:
    admin, edit, view = rules("admin"), rules("edit"), rules("view")
    assert all(rule in edit for rule in view)
    assert all(rule in admin for rule in edit)
    assert not any("secrets" in rule["resources"] for rule in view)
    assert len(policy.roles()) == len({role["metadata"]["name"] for role in policy.roles()})
    names = {role["metadata"]["name"] for role in policy.roles()}
    assert {binding["roleRef"]["name"] for binding in policy.bindings()} <= names


async def test_a_restart_gives_default_roles_back_what_they_lost() -> None:
    store = MemoryStore()
    async with running(store=store) as api:
        for role in ("view", "edit"):
            await api.patch(f"{ROLES}/{role}", {"rules": []})
        own = {"metadata": {"annotations": {"rbac.authorization.kubernetes.io/autoupdate": "false"}}}
        await api.patch(f"{ROLES}/edit", own)
        extra = {"apiGroups": ["x"], "resources": ["y"], "verbs": ["z"]}
        await api.patch(f"{ROLES}/view", {"rules": [extra]})
        await api.server.stop(0)
        async with running(store=store) as again:
            view = (await again.get(f"{ROLES}/view"))["rules"]
            assert extra in view
            assert len(view) > 5
            assert "rules" not in (await again.get(f"{ROLES}/edit")) or not (await again.get(f"{ROLES}/edit"))["rules"]
