"""What a node may do: only what concerns itself and its pods (node authorizer, NodeRestriction)."""

from typing import Any

import pytest

from tests.apiserver.harness import API, PODS, pod

NODES, SECRETS = "/api/v1/nodes", "/api/v1/namespaces/default/secrets"
TOKEN = "/api/v1/namespaces/default/serviceaccounts/default/token"
MIRROR = {"kubernetes.io/config.mirror": "x"}


@pytest.fixture
async def nodes(api: API) -> API:
    """Nodes n1 (which is the user `node`) and n2, and an account for pods."""
    for name in ("n1", "n2"):
        await api.create(NODES, {"metadata": {"name": name, "labels": {"kubernetes.io/os": "linux"}}})
    await api.service_account()
    return api


async def refused(api: API, method: str, path: str, body: Any = None, **options: Any) -> str:
    """Why the node may not."""
    answer = await api.call(method, path, body, user="node", **options)
    assert answer.status == 403, answer
    return str(answer.body["message"])


async def patched(api: API, path: str, body: Any) -> str:
    """As `refused`, of a patch."""
    return await refused(api, "PATCH", path, body, content_type="application/merge-patch+json")


async def test_only_its_own_node(nodes: API) -> None:
    ready = {"status": {"phase": "Running"}}
    assert (await nodes.patch(f"{NODES}/n1/status", ready, user="node")).status == 200
    assert await patched(nodes, f"{NODES}/n2/status", ready) == (
        'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"'
    )


@pytest.mark.parametrize("subresource", ["", "/status"])
@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({"node-restriction.kubernetes.io/a": "1"}, "labels: node-restriction.kubernetes.io/a"),
        ({"x.node-restriction.kubernetes.io/a": "1"}, "labels: x.node-restriction.kubernetes.io/a"),
        ({"node-role.kubernetes.io/b": "", "k8s.io/a": ""}, "labels: k8s.io/a, node-role.kubernetes.io/b"),
        ({"kubernetes.io/os": "linux", "node.kubernetes.io/a": "", "example.com/a": "", "a": ""}, ""),
    ],
)
async def test_labels(nodes: API, subresource: str, labels: dict[str, str], why: str) -> None:
    change = {"metadata": {"labels": labels}}
    if why:
        assert (await patched(nodes, f"{NODES}/n1{subresource}", change)).endswith(f"is not allowed to modify {why}")
    else:
        assert (await nodes.patch(f"{NODES}/n1{subresource}", change, user="node")).status == 200


async def test_neither_taints_nor_owners(nodes: API) -> None:
    """CVE-2025-5187: the garbage collector takes away a node whose owner is missing."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": "none"}
    for subresource in ("", "/status"):
        change: Any = {"metadata": {"ownerReferences": [owner]}}
        assert "modify ownerReferences" in await patched(nodes, f"{NODES}/n1{subresource}", change)
    assert "modify taints" in await patched(nodes, f"{NODES}/n1", {"spec": {"taints": None}})
    assert "cannot delete" in await refused(nodes, "DELETE", f"{NODES}/n1")


async def test_a_heartbeat_that_has_not_seen_the_newest_taints_is_stale(nodes: API) -> None:
    """It is no attempt to take them away."""
    seen = await nodes.get(f"{NODES}/n1")
    taint = {"key": "busy", "effect": "NoSchedule"}
    assert (await nodes.patch(f"{NODES}/n1", {"spec": {"taints": [taint]}})).status == 200
    assert (await nodes.call("PUT", f"{NODES}/n1/status", seen, user="node")).status == 409


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"serviceAccountName": "default"}, "service accounts"),
        ({"imagePullSecrets": [{"name": "s"}]}, "secrets"),
        ({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}, "secrets"),
        ({"volumes": [{"name": "v", "configMap": {"name": "c"}}]}, "configmaps"),
        ({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}, "persistentvolumeclaims"),
        (
            {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}]},
            "secrets",
        ),
        ({"nodeName": "n2"}, "spec.nodeName set to itself"),
        ({}, ""),
    ],
)
async def test_mirror_pods(nodes: API, spec: dict[str, Any], why: str) -> None:
    uid = (await nodes.get(f"{NODES}/n1"))["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": uid, "controller": True}
    mirror = pod("p", **({"nodeName": "n1"} | spec))
    mirror["metadata"] |= {"annotations": MIRROR, "ownerReferences": [owner]}
    if why:
        assert why in await refused(nodes, "POST", PODS, mirror)
        return
    stranger = {**mirror, "metadata": {**mirror["metadata"], "ownerReferences": [owner | {"uid": "other"}]}}
    assert "node n1 UID mismatch: expected other got" in await refused(nodes, "POST", PODS, stranger)
    assert "can only create mirror pods" in await refused(nodes, "POST", PODS, pod("q", nodeName="n1"))
    await nodes.create(PODS, mirror, user="node")


async def test_pods_of_others_and_labels(nodes: API) -> None:
    for name, node in (("own", "n1"), ("other", "n2")):
        await nodes.create(PODS, pod(name, nodeName=node))
    assert (await nodes.patch(f"{PODS}/own/status", {"status": {"phase": "Running"}}, user="node")).status == 200
    labels = {"metadata": {"labels": {"app": "bank"}}}
    assert "cannot update labels" in await patched(nodes, f"{PODS}/own/status", labels)
    assert "update pod status for pods" in await patched(nodes, f"{PODS}/other/status", {"status": {"phase": "Failed"}})
    assert "delete pods" in await refused(nodes, "DELETE", f"{PODS}/other")
    eviction = {"metadata": {"name": "other"}}
    assert "evict pods" in await refused(nodes, "POST", f"{PODS}/other/eviction", eviction)


async def test_tokens_are_for_its_pods(nodes: API) -> None:
    """CVE-2025-4563 and the like: a node that could have any account's token would be everybody."""

    def bound(made: Any, **changes: str) -> Any:
        meta = made["metadata"]
        ref = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]} | changes
        return {"spec": {"boundObjectRef": ref}}

    own, other = [await nodes.create(PODS, pod(name, nodeName=name)) for name in ("n1", "n2")]
    assert "token not bound to a pod" in await refused(nodes, "POST", TOKEN, {"spec": {}})
    assert "without a uid" in await refused(nodes, "POST", TOKEN, bound(own, uid=""))
    assert "does not match the UID" in await refused(nodes, "POST", TOKEN, bound(own, uid="x"))
    assert "on a different node" in await refused(nodes, "POST", TOKEN, bound(other))
    token = (await nodes.create(TOKEN, bound(own), user="node"))["status"]["token"]
    assert (await nodes.call("GET", "/api", user=token)).status == 200
    await nodes.call("DELETE", f"{NODES}/n1")
    assert (await nodes.call("GET", "/api", user=token)).status == 200  # it is the pod's, not the node's


async def test_secrets_are_for_its_pods(nodes: API) -> None:
    for name in ("a", "b", "c"):
        await nodes.create(SECRETS, {"metadata": {"name": name}})
    key = {"name": "K", "valueFrom": {"secretKeyRef": {"name": "a", "key": "k"}}}
    containers = [{"name": "main", "image": "i", "env": [key]}]
    await nodes.create(PODS, pod("own", nodeName="n1", containers=containers))
    await nodes.create(PODS, pod("other", nodeName="n2", imagePullSecrets=[{"name": "b"}]))
    assert (await nodes.call("GET", f"{SECRETS}/a", user="node")).status == 200
    one = {"fieldSelector": "metadata.name=a"}
    assert (await nodes.call("GET", SECRETS, user="node", query=one)).status == 200
    for name in ("b", "c"):
        assert await refused(nodes, "GET", f"{SECRETS}/{name}") == (
            f'secrets "{name}" is forbidden: User "system:node:n1" cannot get resource "secrets" in API group "" '
            "in the namespace \"default\": node: no relationship found between node 'n1' and this object"
        )
    for path in (SECRETS, "/api/v1/secrets", "/api/v1/watch/namespaces/default/secrets/b"):
        await refused(nodes, "GET", path)
    await refused(nodes, "GET", "/api/v1/namespaces/kube-system/configmaps")
