"""What every namespace gets, and how one goes."""

from collections.abc import Callable

import pytest

from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.kinds.rbac.cluster_role import KIND as CLUSTER_ROLE
from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Object, is_deleting
from sampan.reconcile import discovery
from tests.apiserver.extensions import crontabs
from tests.controllers.cluster import NS, ROOT_CA, Cluster


async def test_accounts_and_certificates_are_put_right(cluster: Cluster) -> None:
    found = await cluster.one(CONFIG_MAP, "kube-root-ca.crt", lambda one: True)
    assert found["data"] == {"ca.crt": ROOT_CA}
    await cluster.patch(CONFIG_MAP, "kube-root-ca.crt", {"data": {"ca.crt": "forged", "more": "x"}})
    await cluster.one(CONFIG_MAP, "kube-root-ca.crt", lambda one: one["data"] == {"ca.crt": ROOT_CA})
    account = await cluster.one(SERVICE_ACCOUNT, "default", lambda one: True)
    await cluster.client.delete(CONFIG_MAP, "kube-root-ca.crt", NS)
    await cluster.client.delete(SERVICE_ACCOUNT, "default", NS)
    uid = account["metadata"]["uid"]
    await cluster.one(SERVICE_ACCOUNT, "default", lambda one: one["metadata"]["uid"] != uid)
    await cluster.one(CONFIG_MAP, "kube-root-ca.crt", lambda one: True)


async def test_a_namespace_goes_with_all_that_is_in_it_pods_first(cluster: Cluster) -> None:
    pod = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
    hold = {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}}
    await cluster.create(POD, {**pod, **hold})
    await cluster.create(CONFIG_MAP, {"metadata": {"name": "settings", "finalizers": ["example.com/hold"]}})
    await cluster.client.delete(NAMESPACE, NS)

    def told(kind: str, reason: str, text: str) -> Callable[[Object], bool]:
        def holds(namespace: Object) -> bool:
            found = {one["type"]: one for one in namespace["status"].get("conditions", ())}
            return kind in found and found[kind]["reason"] == reason and text in found[kind]["message"]

        return holds

    remaining = told("NamespaceContentRemaining", "SomeResourcesRemain", "pods. has 1 resource instances")
    await cluster.one(NAMESPACE, NS, remaining)
    settings = await cluster.client.get(CONFIG_MAP, "settings", NS)
    assert not is_deleting(settings)
    await cluster.patch(POD, "held", {"metadata": {"finalizers": None}})
    finalizers = "example.com/hold in 1 resource instances"
    held = told("NamespaceFinalizersRemaining", "SomeFinalizersRemain", finalizers)
    await cluster.one(CONFIG_MAP, "settings", is_deleting)
    await cluster.one(NAMESPACE, NS, held)
    await cluster.patch(CONFIG_MAP, "settings", {"metadata": {"finalizers": None}})
    await cluster.gone(NAMESPACE, NS)
    assert await cluster.until(SERVICE_ACCOUNT, lambda found: not found) == []


async def test_a_kind_that_nobody_has_heard_of_is_not_left_behind(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "is_local", lambda trigger: True)  # nothing is news: asked every half minute only
    await cluster.create(DEFINITION, crontabs.definition())
    await cluster.one(DEFINITION, crontabs.NAME, lambda one: "Established" in str(one["status"]))
    kind = Kind(name="CronTab", plural="crontabs", versions=(ServedVersion("stable.example.com", "v1", ""),))
    await cluster.create(kind, {"metadata": {"name": "left"}, "spec": {"cronSpec": "*"}})
    await cluster.client.delete(NAMESPACE, NS)
    await cluster.gone(NAMESPACE, NS)
    assert (await cluster.client.list(kind)).items == []


async def test_a_kind_that_is_gone_holds_nothing_up(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    await cluster.create(DEFINITION, crontabs.definition())
    await cluster.one(DEFINITION, crontabs.NAME, lambda one: "Established" in str(one["status"]))
    told = list[str]()
    cluster.informer(NAMESPACE).on_change(lambda old, new: told.append(str((new or {}).get("status"))))
    monkeypatch.setattr(discovery, "is_local", lambda trigger: True)
    await cluster.client.delete(DEFINITION, crontabs.NAME)
    await cluster.gone(DEFINITION, crontabs.NAME)
    await cluster.client.delete(NAMESPACE, NS)
    await cluster.gone(NAMESPACE, NS)
    assert not any("ContentDeletionFailed" in status for status in told)


async def test_aggregated_roles_follow_their_parts(cluster: Cluster) -> None:
    def rule(resource: str) -> Object:
        return {"apiGroups": [""], "resources": [resource], "verbs": ["get"]}

    selector = {"clusterRoleSelectors": [{"matchLabels": {"into": "whole"}}]}
    await cluster.create(CLUSTER_ROLE, {"metadata": {"name": "whole"}, "aggregationRule": selector})
    for name in ("b", "a"):
        labels = {"into": "whole"}
        await cluster.create(CLUSTER_ROLE, {"metadata": {"name": name, "labels": labels}, "rules": [rule(name)]})
    await cluster.one(CLUSTER_ROLE, "whole", lambda one: one.get("rules") == [rule("a"), rule("b")])
    await cluster.client.delete(CLUSTER_ROLE, "a")
    await cluster.one(CLUSTER_ROLE, "whole", lambda one: one.get("rules") == [rule("b")])
