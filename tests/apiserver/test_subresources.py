"""scale, eviction, rollback, and which kubelet a stream goes to."""

from typing import Any

import pytest

from sampan.apiserver.subresources import streams
from sampan.transport.messages import Request, Response
from tests.apiserver.harness import API, DEPLOYMENTS, PODS, deployment, pod

OLD = "/apis/extensions/v1beta1/namespaces/default/deployments"
CONTROLLERS = "/api/v1/namespaces/default/replicationcontrollers"


async def test_scale(api: API) -> None:
    made = await api.create(DEPLOYMENTS, deployment("web", replicas=2))
    scale = await api.get(f"{DEPLOYMENTS}/web/scale")
    assert scale["kind"] == "Scale"
    assert scale["apiVersion"] == "autoscaling/v1"
    assert (scale["spec"], scale["status"]) == ({"replicas": 2}, {"replicas": 0, "selector": "app=web"})
    scaled = await api.call("PUT", f"{DEPLOYMENTS}/web/scale", {**scale, "spec": {"replicas": 5}})
    assert scaled.body["spec"] == {"replicas": 5}
    found = await api.get(f"{DEPLOYMENTS}/web")
    assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (5, 2)
    assert found["spec"]["template"] == made["spec"]["template"]
    stale = await api.call("PUT", f"{DEPLOYMENTS}/web/scale", {**scale, "spec": {"replicas": 6}})
    assert stale.status == 409
    patched = await api.patch(f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 0}})
    assert patched.body["spec"] == {}
    negative = await api.patch(f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": -1}})
    assert (negative.status, negative.body["details"]["causes"][0]["field"]) == (422, "spec.replicas")
    assert (await api.patch(f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": "x"}})).status == 400


async def test_scale_of_a_replication_controller_has_its_plain_selector(api: API) -> None:
    template = deployment("rc")["spec"]["template"]
    await api.create(CONTROLLERS, {"metadata": {"name": "rc"}, "spec": {"replicas": 1, "template": template}})
    assert (await api.get(f"{CONTROLLERS}/rc/scale"))["status"]["selector"] == "app=rc"


async def test_old_scale_and_rollback(api: API) -> None:
    await api.create(DEPLOYMENTS, deployment("web", replicas=2))
    scale = await api.get(f"{OLD}/web/scale")
    assert scale["apiVersion"] == "extensions/v1beta1"
    assert scale["status"] == {"replicas": 0, "selector": {"app": "web"}, "targetSelector": "app=web"}
    rollback = {"kind": "DeploymentRollback", "apiVersion": "extensions/v1beta1", "name": "web"}
    answer = await api.call("POST", f"{OLD}/web/rollback", {**rollback, "rollbackTo": {"revision": 3}})
    assert answer.body["message"] == 'rollback request for deployment "web" succeeded'
    assert (await api.get(f"{OLD}/web"))["spec"]["rollbackTo"] == {"revision": 3}


async def test_rollback_of_apps_v1beta1_alone(api: API) -> None:
    await api.create(DEPLOYMENTS, deployment("web"))
    rollback = {
        "kind": "DeploymentRollback",
        "apiVersion": "apps/v1beta1",
        "name": "web",
        "rollbackTo": {"revision": 2},
    }
    place = f"{DEPLOYMENTS}/web/rollback"
    assert (await api.call("POST", place, rollback)).status == 404
    assert (await api.call("POST", place.replace("v1", "v1beta1"), rollback)).status == 200
    assert (await api.get(f"{OLD}/web"))["spec"]["rollbackTo"] == {"revision": 2}


async def test_controllers_are_scaled_in_extensions_and_nothing_else(api: API) -> None:
    template = deployment("rc")["spec"]["template"]
    await api.create(CONTROLLERS, {"metadata": {"name": "rc"}, "spec": {"replicas": 1, "template": template}})
    place = "/apis/extensions/v1beta1/namespaces/default/replicationcontrollers"
    scale = await api.get(f"{place}/rc/scale")
    assert (scale["apiVersion"], scale["status"]["targetSelector"]) == ("extensions/v1beta1", "app=rc")
    assert (await api.call("PUT", f"{place}/rc/scale", {**scale, "spec": {"replicas": 3}})).status == 200
    assert (await api.get(f"{CONTROLLERS}/rc"))["spec"]["replicas"] == 3
    assert {(await api.call("GET", path)).status for path in (place, f"{place}/rc")} == {405}


async def test_evictions_come_in_two_versions(api: API) -> None:
    await api.service_account()
    for version, status in (("v1beta1", 201), ("v1", 201), ("v2", 400)):
        await api.create(PODS, pod(version))
        eviction = {"kind": "Eviction", "apiVersion": f"policy/{version}", "metadata": {"name": version}}
        assert (await api.call("POST", f"{PODS}/{version}/eviction", eviction)).status == status


async def test_eviction_deletes(api: API) -> None:
    await api.service_account()
    await api.create(PODS, pod("p"))
    wrong = await api.call("POST", f"{PODS}/p/eviction", {"metadata": {"name": "q"}})
    assert (wrong.status, wrong.body["message"]) == (400, "name in URL does not match name in Eviction object")
    eviction = {"kind": "Eviction", "apiVersion": "policy/v1", "metadata": {"name": "p", "namespace": "default"}}
    assert (await api.call("POST", f"{PODS}/p/eviction", eviction)).status == 201
    assert (await api.call("GET", f"{PODS}/p")).status == 404


NODE = {
    "metadata": {"name": "n1"},
    "status": {
        "addresses": [{"type": "Hostname", "address": "host"}, {"type": "InternalIP", "address": "10.0.0.7"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 12345}},
    },
}


@pytest.fixture
async def bound(api: API) -> API:
    """Pod `one` and pod `two` (of two containers and an init container) on node n1."""
    await api.service_account()
    made = await api.create("/api/v1/nodes", NODE)
    await api.call("PUT", "/api/v1/nodes/n1/status", {**made, "status": NODE["status"]})
    two: list[dict[str, Any]] = [{"name": name, "image": "i"} for name in ("a", "b")]
    await api.create(PODS, pod("one", nodeName="n1"))
    await api.create(PODS, pod("two", nodeName="n1", containers=two, initContainers=[{"name": "i", "image": "i"}]))
    return api


async def stream(
    api: API, monkeypatch: pytest.MonkeyPatch, path: str, query: str, proxy: str
) -> tuple[streams.KubeletTarget | None, Any]:
    """The target that a stream would have gone to, and the reply."""
    seen: list[streams.KubeletTarget] = []

    async def fake(target: streams.KubeletTarget, request: Request) -> Response:
        seen.append(target)
        return Response(200)

    monkeypatch.setattr(streams, proxy, fake)
    reply = await api.raw(Request("GET", path, query, {"authorization": "Bearer admin"}))
    return (seen[0] if seen else None), reply


async def test_log_goes_to_the_kubelet_of_the_node(bound: API, monkeypatch: pytest.MonkeyPatch) -> None:
    target, _ = await stream(bound, monkeypatch, f"{PODS}/one/log", "follow=true&tailLines=5&x=1", "proxy_log")
    assert target == streams.KubeletTarget(
        "10.0.0.7", 12345, "/containerLogs/default/one/main", "follow=true&tailLines=5"
    )


@pytest.mark.parametrize("address", ["[::1]", "a/b", "x y", "-", "host:80"])
async def test_what_is_no_address_is_named(bound: API, address: str) -> None:
    status = {"status": {"addresses": [{"type": "InternalIP", "address": address}]}}
    assert (await bound.patch("/api/v1/nodes/n1/status", status)).status == 200
    for path in (f"{PODS}/one/log", "/api/v1/nodes/n1/proxy/"):
        refused = await bound.call("GET", path)
        assert (refused.status, refused.body["reason"]) == (500, "InternalError")
        assert f'the node\'s address "{address}" is neither' in refused.body["message"]


async def test_a_log_is_text_for_clients_that_take_only_text(bound: API) -> None:
    headers = {"authorization": "Bearer admin", "accept": "text/plain"}
    reply = await bound.raw(Request("GET", f"{PODS}/two/log", "", headers))
    assert b"a container name must be specified" in reply.body


async def test_exec_names_the_streams_as_the_kubelet_does(bound: API, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "command=sh&command=-c&command=a+b&container=b&stdin=true&stdout=true&stderr=true&tty=true"
    target, _ = await stream(bound, monkeypatch, f"{PODS}/two/exec", query, "proxy_exec")
    assert target is not None
    assert target.path == "/exec/default/two/b"
    assert target.query == "command=sh&command=-c&command=a+b&input=1&output=1&tty=1"


@pytest.mark.parametrize(
    ("query", "passed"),
    [
        ("", ""),
        ("ports=80", "port=80"),
        ("ports=1234,1235&ports=80", "port=1234&port=1235&port=80"),
        ("ports=0", "port=0"),
    ],
)
async def test_ports_to_forward(bound: API, monkeypatch: pytest.MonkeyPatch, query: str, passed: str) -> None:
    target, _ = await stream(bound, monkeypatch, f"{PODS}/one/portforward", query, "proxy_portforward")
    assert target is not None
    assert (target.path, target.query) == ("/portForward/default/one", passed)


async def test_an_empty_argument_is_one(bound: API, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "command=echo&command=&stdout=true"
    target, _ = await stream(bound, monkeypatch, f"{PODS}/one/exec", query, "proxy_exec")
    assert target is not None
    assert target.query == "command=echo&command=&output=1"


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        (
            "two/log",
            "",
            "a container name must be specified for pod two, choose one of: [a b] or one of the init containers: [i]",
        ),
        ("two/log", "container=x", "container x is not valid for pod two"),
        ("one/log", "tailLines=-1", "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ("one/exec", "stdout=true", "you must specify at least 1 command for the container"),
        ("one/exec", "command=ls", "you must specify at least one of stdin, stdout, stderr"),
        ("one/exec", "command=ls&stdout=true&dryRun=All", "dryRun is not supported"),
        ("one/portforward", "ports=abc", 'strconv.ParseUint: parsing \\"abc\\": invalid syntax'),
        ("one/portforward", "ports=80,", 'strconv.ParseUint: parsing \\"\\": invalid syntax'),
        ("one/portforward", "ports=", 'cannot convert to []int32: strconv.ParseUint: parsing \\"\\": invalid syntax'),
        ("one/portforward", "ports=70000", 'strconv.ParseUint: parsing \\"70000\\": value out of range'),
        ("one/portforward", "ports=-1", "invalid syntax"),
    ],
)
async def test_refused_streams(
    bound: API, monkeypatch: pytest.MonkeyPatch, path: str, query: str, message: str
) -> None:
    target, reply = await stream(bound, monkeypatch, f"{PODS}/{path}", query, "proxy_log")
    assert target is None
    assert (reply.status, message.encode() in reply.body) == (400, True)


async def test_a_pod_without_a_node_has_an_empty_log(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.service_account()
    await api.create(PODS, pod("p"))
    target, reply = await stream(api, monkeypatch, f"{PODS}/p/log", "", "proxy_log")
    assert (target, reply.status, reply.body) == (None, 200, b"")


async def test_an_eviction_says_why_in_the_status_first(bound: API) -> None:
    await bound.create(f"{PODS}/one/eviction", {"metadata": {"name": "one"}}, query={"dryRun": "All"})
    assert "deletionTimestamp" not in (await bound.get(f"{PODS}/one"))["metadata"]
    async with bound.watch(PODS, query={"fieldSelector": "metadata.name=one"}) as events:
        assert (await anext(events))["type"] == "ADDED"
        version = (await bound.get(f"{PODS}/one"))["metadata"]["resourceVersion"]
        options = {"preconditions": {"resourceVersion": version}}
        await bound.create(f"{PODS}/one/eviction", {"metadata": {"name": "one"}, "deleteOptions": options})
        first, second = [(await anext(events))["object"] for _ in range(2)]
    (condition,) = (c for c in first["status"]["conditions"] if c["type"] == "DisruptionTarget")
    assert (condition["status"], condition["reason"]) == ("True", "EvictionByEvictionAPI")
    assert condition["message"] == "Eviction API: evicting" and condition["lastTransitionTime"]
    assert "deletionTimestamp" not in first["metadata"] and second["metadata"]["deletionTimestamp"]
    stale = {"metadata": {"name": "two"}, "deleteOptions": options}
    assert (await bound.call("POST", f"{PODS}/two/eviction", stale)).status == 409


async def test_ephemeral_containers_are_only_added(api: API) -> None:
    await api.service_account()
    await api.create(PODS, pod("p"))
    path = f"{PODS}/p/ephemeralcontainers"
    first = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox"}], "nodeName": "ignored"}}
    answer = await api.patch(path, first, "strategic-merge-patch")
    assert answer.status == 200
    assert [c["name"] for c in answer.body["spec"]["ephemeralContainers"]] == ["debug"]
    assert "nodeName" not in answer.body["spec"]
    changed = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "other"}]}}
    refused = await api.patch(path, changed, "strategic-merge-patch")
    assert "existing ephemeral containers may not be removed or changed" in refused.body["message"]
