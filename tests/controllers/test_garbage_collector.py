"""Owners and dependents: background, foreground, orphans, circles, foreign and absent owners."""

from typing import Any

import pytest

from sampan.controllers.garbage_collector.controller import Decision, Owner, decide
from sampan.controllers.garbage_collector.graph import Graph, Node
from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.rbac.cluster_role import KIND as CLUSTER_ROLE
from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Object
from tests.apiserver.extensions import crontabs
from tests.controllers.cluster import NS, Cluster


def ref(owner: Object, **extra: Any) -> Object:
    meta = owner["metadata"]
    return {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"], **extra}


async def make(cluster: Cluster, name: str, *owners: Object, **meta: Any) -> Object:
    return await cluster.create(CONFIG_MAP, {"metadata": {"name": name, "ownerReferences": list(owners), **meta}})


async def absent(cluster: Cluster, name: str) -> None:
    await cluster.gone(CONFIG_MAP, name)


async def stays(cluster: Cluster, *names: str) -> None:
    """Nothing happens to them for a while."""
    await cluster.clock.advance(3)
    for name in names:
        assert "deletionTimestamp" not in (await cluster.client.get(CONFIG_MAP, name, NS))["metadata"]


async def test_a_chain_goes_in_the_background(cluster: Cluster) -> None:
    top = await make(cluster, "top")
    middle = await make(cluster, "middle", ref(top))
    await make(cluster, "bottom", ref(middle))
    await cluster.client.delete(CONFIG_MAP, "top", NS)
    for name in ("top", "middle", "bottom"):
        await absent(cluster, name)


async def test_one_living_owner_is_enough_and_the_dead_one_is_struck_off(cluster: Cluster) -> None:
    dead, alive = await make(cluster, "dead"), await make(cluster, "alive")
    await make(cluster, "child", ref(dead), ref(alive))
    await cluster.client.delete(CONFIG_MAP, "dead", NS)
    child = await cluster.one(CONFIG_MAP, "child", lambda one: len(one["metadata"]["ownerReferences"]) == 1)
    assert child["metadata"]["ownerReferences"][0]["name"] == "alive"


async def test_foreground_waits_for_what_blocks_and_only_for_that(cluster: Cluster) -> None:
    top = await make(cluster, "top")
    await make(cluster, "blocks", ref(top, blockOwnerDeletion=True), finalizers=["example.com/hold"])
    await make(cluster, "follows", ref(top), finalizers=["example.com/hold"])
    await cluster.client.delete(CONFIG_MAP, "top", NS, propagation="Foreground")
    await cluster.one(CONFIG_MAP, "blocks", lambda one: "deletionTimestamp" in one["metadata"])
    await cluster.clock.advance(3)
    top = await cluster.client.get(CONFIG_MAP, "top", NS)
    assert top["metadata"]["finalizers"] == ["foregroundDeletion"]
    await cluster.patch(CONFIG_MAP, "blocks", {"metadata": {"finalizers": None}})
    await absent(cluster, "top")
    await cluster.one(CONFIG_MAP, "follows", lambda one: "deletionTimestamp" in one["metadata"])


async def test_orphans_are_let_go(cluster: Cluster) -> None:
    top = await make(cluster, "top")
    await make(cluster, "child", ref(top))
    await cluster.client.delete(CONFIG_MAP, "top", NS, propagation="Orphan")
    await absent(cluster, "top")
    await cluster.one(CONFIG_MAP, "child", lambda one: not one["metadata"].get("ownerReferences"))
    await stays(cluster, "child")


async def test_a_circle_in_the_foreground_ends(cluster: Cluster) -> None:
    one = await make(cluster, "one")
    two = await make(cluster, "two", ref(one, blockOwnerDeletion=True))
    back = {"metadata": {"ownerReferences": [ref(two, blockOwnerDeletion=True)]}}
    await cluster.patch(CONFIG_MAP, "one", back)
    await cluster.client.delete(CONFIG_MAP, "one", NS, propagation="Foreground")
    await absent(cluster, "one")
    await absent(cluster, "two")


async def test_an_owner_that_never_was(cluster: Cluster) -> None:
    top = await make(cluster, "top")
    await make(cluster, "child", {**ref(top), "uid": "11111111-1111-1111-1111-111111111111"})
    await absent(cluster, "child")
    await stays(cluster, "top")


async def test_a_uid_by_another_name_or_of_another_kind_is_nobodys(cluster: Cluster) -> None:
    top = await make(cluster, "top")
    good = await make(cluster, "good", ref(top))
    await make(cluster, "misnamed", {**ref(top), "name": "other"})
    await make(cluster, "mistaken", {**ref(top), "kind": "Secret"})
    for name in ("misnamed", "mistaken"):
        await absent(cluster, name)
    await make(cluster, "later", ref(top))  # what was denied to the others is not denied to those that are right
    await stays(cluster, "top", "later", good["metadata"]["name"])


async def test_an_owner_of_another_namespace_is_none(cluster: Cluster) -> None:
    await cluster.create(NAMESPACE, {"metadata": {"name": "other"}})
    top = await cluster.create(CONFIG_MAP, {"metadata": {"name": "top", "namespace": "other"}})
    await make(cluster, "child", ref(top))
    await absent(cluster, "child")
    events = await cluster.until(EVENT, lambda found: any(e["reason"] == "OwnerRefInvalidNamespace" for e in found))
    assert any(f'does not exist in namespace "{NS}"' in event["message"] for event in events)


async def test_cluster_scoped_owners(cluster: Cluster) -> None:
    role = await cluster.create(CLUSTER_ROLE, {"metadata": {"name": "role"}})
    await make(cluster, "child", ref(role))
    await stays(cluster, "child")
    await cluster.client.delete(CLUSTER_ROLE, "role")
    await absent(cluster, "child")


async def test_cluster_scoped_dependents_of_namespaced_owners_are_left_alone(cluster: Cluster) -> None:
    top = await make(cluster, "top")
    absent_owner = {**ref(top), "uid": "22222222-2222-2222-2222-222222222222"}
    owners = {"absent": absent_owner, "alive": ref(top)}
    for name, owner in owners.items():
        await cluster.create(CLUSTER_ROLE, {"metadata": {"name": name, "ownerReferences": [owner]}})
    await cluster.clock.advance(3)
    for name, owner in owners.items():
        assert (await cluster.client.get(CLUSTER_ROLE, name))["metadata"]["ownerReferences"] == [owner]
    told = await cluster.until(EVENT, lambda events: any(_is_about("alive", e) for e in events), "default")
    [event] = [event for event in told if _is_about("alive", event)]
    place = f"v1/ConfigMap, namespace: , name: top, uid: {top['metadata']['uid']}"
    assert (event["reason"], event["message"]) == (
        "OwnerRefInvalidNamespace",
        f'ownerRef [{place}] does not exist in namespace ""',
    )


def _is_about(name: str, event: Object) -> bool:
    return bool(event["involvedObject"]["name"] == name)


def node(uid: str, *owners: str, **meta: Any) -> Node:
    refs = [{"uid": owner, "blockOwnerDeletion": True} for owner in owners]
    return Node(CONFIG_MAP, {"metadata": {"uid": uid, "name": uid, "ownerReferences": refs, **meta}})


WAITING = {"deletionTimestamp": "x", "finalizers": ["foregroundDeletion"]}


@pytest.mark.parametrize(
    ("owners", "dependents", "meta", "expected"),
    [
        ({"a": Owner.SOLID}, [], {}, Decision()),
        ({"a": Owner.SOLID, "b": Owner.DANGLING, "c": Owner.WAITING}, [], {}, Decision(drop=frozenset("bc"))),
        ({"a": Owner.DANGLING}, [], {}, Decision(delete="Background")),
        ({"a": Owner.DANGLING}, [], {"finalizers": ["orphan"]}, Decision(delete="Orphan")),
        ({"a": Owner.DANGLING}, [], {"finalizers": ["foregroundDeletion"]}, Decision(delete="Foreground")),
        ({"a": Owner.WAITING}, [], {}, Decision(delete="Background")),
        ({"a": Owner.WAITING}, [node("d", "x")], {}, Decision(delete="Foreground")),
        ({"a": Owner.WAITING}, [node("d", "x", **WAITING)], {}, Decision(delete="Foreground", unblock=True)),
    ],
)
def test_decisions(owners: dict[str, Owner], dependents: list[Node], meta: Object, expected: Decision) -> None:
    assert decide(node("x", *owners, **meta), owners, dependents) == expected


def test_the_graph_tells_whose_fate_a_change_may_decide() -> None:
    graph = Graph()
    top, child = node("top").object, node("child", "top").object
    assert graph.change(CONFIG_MAP, None, top) == set()
    assert graph.change(CONFIG_MAP, None, child) == {"child"}
    assert graph.change(CONFIG_MAP, child, {**child, "data": {}}) == set()
    waiting = node("top", **WAITING).object
    assert graph.change(CONFIG_MAP, top, waiting) == {"top"}
    assert [one.uid for one in graph.dependents("top")] == ["child"]
    assert graph.change(CONFIG_MAP, child, None) == {"top"}
    assert graph.dependents("top") == []
    assert graph.change(CONFIG_MAP, None, child) == {"child", "top"}
    assert graph.change(CONFIG_MAP, waiting, None) == {"child"}


async def test_custom_resources_own_and_are_owned_and_go_with_their_namespace(cluster: Cluster) -> None:
    await cluster.client.create(DEFINITION, crontabs.definition())
    name = f"{crontabs.NAME}"
    await cluster.one(DEFINITION, name, lambda one: crontabs.condition(one, "Established").get("status") == "True")
    kind = Kind(name="CronTab", plural="crontabs", versions=(ServedVersion("stable.example.com", "v1", ""),))
    top = await cluster.create(kind, {"metadata": {"name": "top"}, "spec": {"cronSpec": "*"}})
    below = {"metadata": {"name": "below", "ownerReferences": [ref(top)]}, "spec": {"cronSpec": "*"}}
    await cluster.create(kind, below)
    await make(cluster, "child", ref(top))
    await cluster.client.delete(kind, "top", NS)
    await absent(cluster, "child")
    await cluster.gone(kind, "below")
    await cluster.create(kind, {"metadata": {"name": "last"}, "spec": {"cronSpec": "*"}})
    await cluster.client.delete(NAMESPACE, NS)
    await cluster.gone(NAMESPACE, NS, "")
    assert (await cluster.client.list(kind)).items == []
