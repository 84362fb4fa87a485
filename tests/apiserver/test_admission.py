"""Admission plugins, seen from outside."""

import pytest

from tests.apiserver.harness import API, PODS, pod

MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


async def test_pods_need_a_service_account(api: API) -> None:
    answer = await api.call("POST", PODS, pod("p"))
    assert (answer.status, answer.body["message"]) == (
        403,
        'pods "p" is forbidden: error looking up service account default/default: serviceaccount "default" not found',
    )


async def test_pods_get_their_token(api: API) -> None:
    await api.service_account()
    spec = (await api.create(PODS, pod("p")))["spec"]
    volume = spec["volumes"][0]
    assert volume["name"].startswith("kube-api-access-")
    assert spec["containers"][0]["volumeMounts"] == [{"name": volume["name"], "readOnly": True, "mountPath": MOUNT}]
    token, ca, namespace = volume["projected"]["sources"]
    assert token == {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    assert ca["configMap"]["name"] == "kube-root-ca.crt"
    assert namespace["downwardAPI"]["items"][0]["fieldRef"]["fieldPath"] == "metadata.namespace"
    refused = (await api.create(PODS, pod("q", automountServiceAccountToken=False)))["spec"]
    assert "volumes" not in refused


async def test_default_tolerations(api: API) -> None:
    await api.service_account()
    own = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    found = (await api.create(PODS, pod("p", tolerations=[own])))["spec"]["tolerations"]
    assert found[0] == own
    assert [(t["key"], t["tolerationSeconds"]) for t in found[1:]] == [("node.kubernetes.io/unreachable", 300)]


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({}, 201, 0),
        ({"priorityClassName": "system-node-critical"}, 201, 2000001000),
        ({"priorityClassName": "none"}, 403, "no PriorityClass with name none was found"),
        ({"priority": 7}, 403, "the integer value of priority (7) must not be provided in pod spec"),
    ],
)
async def test_priority(api: API, spec: dict[str, object], status: int, expected: object) -> None:
    await api.service_account()
    answer = await api.call("POST", PODS, pod("p", **spec))
    assert answer.status == status
    if status == 201:
        assert answer.body["spec"]["priority"] == expected
    else:
        assert str(expected) in answer.body["message"]


async def test_one_global_default_priority(api: API) -> None:
    await api.service_account()
    path = "/apis/scheduling.k8s.io/v1/priorityclasses"
    await api.create(path, {"metadata": {"name": "usual"}, "value": 5, "globalDefault": True})
    spec = (await api.create(PODS, pod("p")))["spec"]
    assert (spec["priorityClassName"], spec["priority"]) == ("usual", 5)
    second = await api.call("POST", path, {"metadata": {"name": "b"}, "value": 6, "globalDefault": True})
    assert "PriorityClass usual is already marked as default. Only one default can exist" in second.body["message"]


async def test_new_nodes_take_no_pods_yet(api: API) -> None:
    node = await api.create("/api/v1/nodes", {"metadata": {"name": "n"}})
    assert node["spec"]["taints"] == [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]


async def test_an_update_that_knows_nothing_of_the_default_tolerations_may_add_its_own(api: API) -> None:
    await api.service_account()
    made = await api.create(PODS, pod("p"))
    own = {"key": "k", "operator": "Exists", "effect": "NoSchedule"}
    sent = {**made, "spec": {**made["spec"], "tolerations": [own]}}
    answer = await api.call("PUT", f"{PODS}/p", sent)
    assert answer.status == 200, answer.body
    keys = [toleration["key"] for toleration in answer.body["spec"]["tolerations"]]
    assert keys == ["k", "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]


async def test_an_update_that_leaves_the_priority_out_keeps_it(api: API) -> None:
    await api.service_account()
    made = await api.create(PODS, pod("p"))
    spec = {name: value for name, value in made["spec"].items() if name not in ("priority", "preemptionPolicy")}
    answer = await api.call("PUT", f"{PODS}/p", {**made, "spec": spec})
    assert (answer.status, answer.body["spec"]["priority"]) == (200, 0)
