"""The kubelet's HTTPS server on a real node: who comes in, logs, commands, ports."""

import asyncio
import ssl
from datetime import UTC, datetime

import orjson
import pytest
import pytest_asyncio

from sampan.cluster.certificates import Authority, Pair
from sampan.kinds.rbac.cluster_role import KIND as ROLE
from sampan.kinds.rbac.cluster_role_binding import KIND as BINDING
from sampan.kubelet.app import Kubelet
from sampan.transport import websocket
from sampan.transport.connection import Answer, HTTPClient, UpgradeRefused
from sampan.transport.tls import client_context
from tests.kubelet.rig import Rig, container, eventually, is_ready

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

TALKS = ["for i in 1 2 3; do echo line $i; done", "trap 'echo bye; exit 0' TERM; while true; do sleep 0.1; done"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def talker(rig: Rig, node: Kubelet) -> str:
    """A pod that has written three lines and goes on running."""
    await rig.create("talker", {"containers": [container(*TALKS)]})
    await rig.until("talker", is_ready)
    return "talker"


def api_client(rig: Rig, node: Kubelet, context: ssl.SSLContext | None = None) -> HTTPClient:
    """As the API server comes."""
    if context is None:
        pair = (rig.read("apiserver-kubelet-client.crt"), rig.read("apiserver-kubelet-client.key"))
        context = client_context(rig.read("ca.crt"), *pair)
    return HTTPClient(f"https://127.0.0.1:{node.port}", context)


async def get(rig: Rig, node: Kubelet, path: str) -> Answer:
    client = api_client(rig, node)
    try:
        return await client.request("GET", path, timeout=20)
    finally:
        await client.close()


async def test_strangers_are_refused(rig: Rig, node: Kubelet) -> None:
    nobody = api_client(rig, node, client_context(rig.read("ca.crt")))
    refused = await nobody.request("GET", "/pods")
    assert (refused.status, refused.body) == (401, b"Unauthorized")
    authority = Authority(Pair(rig.read("ca.crt"), rig.read("ca.key")))
    pair = authority.issue("mallory", datetime.now(UTC), organizations=("strangers",))
    mallory = api_client(rig, node, client_context(rig.read("ca.crt"), pair.certificate, pair.key))
    refused = await mallory.request("POST", "/exec/default/talker/main?command=id&output=1")
    text = b"Forbidden (user=mallory, verb=create, resource=nodes, subresource(s)=[proxy])\n"
    assert (refused.status, refused.body) == (403, text)
    for client in (nobody, mallory):
        await client.close()


async def test_a_service_account_comes_in_by_its_token(rig: Rig, node: Kubelet, talker: str) -> None:
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    token = (await rig.client.transport.request("POST", path, body=request))["status"]["token"]
    client = api_client(rig, node, client_context(rig.read("ca.crt")))
    headers = {"Authorization": f"Bearer {token}"}
    user = "system:serviceaccount:default:default"
    refused = await client.request("GET", "/metrics", headers)
    assert refused.body.decode().startswith(f"Forbidden (user={user}, verb=get, resource=nodes")
    rule = {"apiGroups": [""], "resources": ["nodes/stats"], "verbs": ["get"]}
    await rig.client.create(ROLE, {"metadata": {"name": "stats"}, "rules": [rule]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "stats"}
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": "default"}
    await rig.client.create(BINDING, {"metadata": {"name": "stats"}, "roleRef": reference, "subjects": [subject]})
    assert (await client.request("GET", "/stats/summary", headers)).status == 200
    await client.close()


async def test_it_is_healthy_and_lists_its_pods(rig: Rig, node: Kubelet, talker: str) -> None:
    assert (await get(rig, node, "/healthz")).body == b"ok"
    pods = orjson.loads((await get(rig, node, "/pods")).body)["items"]
    assert talker in [pod["metadata"]["name"] for pod in pods]
    assert (await get(rig, node, "/healthz/syncloop")).body == b"ok"
    verbose = (await get(rig, node, "/healthz?verbose")).body
    assert verbose == b"[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n"
    running = orjson.loads((await get(rig, node, "/runningpods/")).body)["items"]
    found = {pod["metadata"]["name"]: [c["name"] for c in pod["spec"]["containers"]] for pod in running}
    assert found[talker] == ["main"]
    config = orjson.loads((await get(rig, node, "/configz")).body)["kubeletconfig"]
    assert (config["kind"], config["authentication"]["anonymous"]) == ("KubeletConfiguration", {"enabled": False})


async def test_what_it_is_not(rig: Rig, node: Kubelet) -> None:
    client = api_client(rig, node)
    for method, path, expected in (
        ("GET", "/nothing", (404, b"404: Page Not Found", None)),
        ("GET", "/metrics/nothing", (404, b"404: Page Not Found", None)),
        ("POST", "/pods", (405, b"Method Not Allowed", "GET")),
        ("GET", "/run/default/talker/main", (405, b"Method Not Allowed", "POST")),
    ):
        answer = await client.request(method, path)
        assert (answer.status, answer.body, answer.headers.get("allow")) == expected
    await client.close()


async def test_what_is_used(rig: Rig, node: Kubelet, talker: str) -> None:
    summary = orjson.loads((await get(rig, node, "/stats/summary")).body)
    [pod] = [pod for pod in summary["pods"] if pod["podRef"]["name"] == talker]
    [main] = pod["containers"]
    assert main["name"] == "main"
    assert main["memory"]["workingSetBytes"] > 0 and main["cpu"]["usageCoreNanoSeconds"] > 0
    assert main["logs"]["usedBytes"] > len("line 1\nline 2\nline 3\n")
    assert summary["node"]["memory"]["availableBytes"] > 0 and summary["node"]["fs"]["capacityBytes"] > 0
    small = orjson.loads((await get(rig, node, "/stats/summary?only_cpu_and_memory=true")).body)
    assert set(small["node"]) == {"nodeName", "startTime", "cpu", "memory"}


async def test_metrics(rig: Rig, node: Kubelet, talker: str) -> None:
    pages = {page: (await get(rig, node, f"/metrics{page}")).body.decode() for page in ("", "/resource", "/cadvisor")}
    assert "kubelet_running_pods " in pages[""]
    assert 'kubelet_http_requests_total{long_running="false",method="GET",path="metrics"' in pages[""]
    labels = f'{{container="main",namespace="default",pod="{talker}"}}'
    for name in ("container_cpu_usage_seconds_total", "container_memory_working_set_bytes"):
        assert name + labels in pages["/resource"]
    assert "container_start_time_seconds" + labels in pages["/resource"]
    assert f'pod_memory_working_set_bytes{{namespace="default",pod="{talker}"}}' in pages["/resource"]
    assert "container_memory_rss{" in pages["/cadvisor"] and "machine_cpu_cores " in pages["/cadvisor"]


async def test_probes_are_counted(rig: Rig, node: Kubelet) -> None:
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    await rig.create("probed", {"containers": [container("sleep 1000", readinessProbe=probe)]})
    pod = await rig.until("probed", is_ready)
    page = (await get(rig, node, "/metrics/probes")).body.decode()
    labels = f'container="main",namespace="default",pod="probed",pod_uid="{pod["metadata"]["uid"]}"'
    assert f'prober_probe_total{{{labels},probe_type="Readiness",result="successful"}}' in page
    assert 'prober_probe_duration_seconds_count{container="main"' in page
    await rig.delete("probed", 0)

    async def forgotten() -> bool:
        return b"probed" not in (await get(rig, node, "/metrics/probes")).body

    await eventually(forgotten)


async def test_a_command_is_run_to_its_end(rig: Rig, node: Kubelet, talker: str) -> None:
    client = api_client(rig, node)
    answer = await client.request("POST", "/run/default/talker/main?cmd=echo+hello+there")
    assert (answer.status, answer.body) == (200, b"hello there\n")
    failed = await client.request("POST", "/run/default/talker/main?cmd=false")
    assert (failed.status, failed.body) == (500, b"command 'false' exited with 1: ")
    missing = await client.request("POST", "/run/default/talker/none?cmd=id")
    assert (missing.status, missing.body) == (500, b'container not found ("none")')
    answer = await client.request("POST", "/checkpoint/default/talker/main")
    assert answer.status == 500  # containerd 1.6 can't
    assert answer.body.startswith(b"checkpointing of default/talker/main failed (rpc error: code = Unimplemented")
    await client.close()


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", b"line 1\nline 2\nline 3\n"),
        ("tailLines=1", b"line 3\n"),
        ("tailLines=0", b""),
        ("limitBytes=8", b"line 1\nl"),
        ("sinceTime=2999-01-01T00:00:00Z", b""),
        ("stream=Stderr", b""),
    ],
)
async def test_logs(rig: Rig, node: Kubelet, talker: str, query: str, text: bytes) -> None:
    answer = await get(rig, node, f"/containerLogs/default/talker/main?{query}")
    assert (answer.status, answer.body) == (200, text)


async def test_logs_that_are_not_there(rig: Rig, node: Kubelet, talker: str) -> None:
    answer = await get(rig, node, "/containerLogs/default/talker/main?previous=true")
    message = b'previous terminated container "main" in pod "talker" not found'
    assert (answer.status, answer.body) == (400, message)
    assert (await get(rig, node, "/containerLogs/default/nobody/main")).status == 404


async def test_following_ends_with_the_container(rig: Rig, node: Kubelet) -> None:
    await rig.create("follow", {"restartPolicy": "Never", "containers": [container("echo one; sleep 1; echo two")]})
    await rig.until("follow", is_ready)
    answer = await get(rig, node, "/containerLogs/default/follow/main?follow=true")
    assert answer.body == b"one\ntwo\n"


async def test_a_stream_must_be_an_upgrade(rig: Rig, node: Kubelet, talker: str) -> None:
    for path in ("/exec/default/talker/main?command=id&output=1", "/portForward/default/talker"):
        answer = await get(rig, node, path)
        assert (answer.status, answer.body) == (500, b"Upgrade request required\n")
    answer = await get(rig, node, "/exec/default/talker/main?command=id")
    assert (answer.status, answer.body) == (400, b"you must specify at least 1 of stdin, stdout, stderr")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", 'query parameter "port" is required'),
        ("?port=", 'query parameter "port" cannot be empty'),
        ("?port=80,x", 'unable to parse "80,x" as a port: strconv.ParseUint: parsing "x": invalid syntax'),
        ("?port=70000", 'unable to parse "70000" as a port: strconv.ParseUint: parsing "70000": value out of range'),
        ("?port=0", 'port "0" must be > 0'),
    ],
)
async def test_ports_are_named_before_a_websocket(rig: Rig, node: Kubelet, talker: str, query: str, text: str) -> None:
    client = api_client(rig, node)
    with pytest.raises(UpgradeRefused) as refused:
        await websocket.connect(client, f"/portForward/default/talker{query}", ["v4.channel.k8s.io"])
    assert (refused.value.answer.status, refused.value.answer.body.decode()) == (400, text)


async def test_several_ports_over_one_websocket(rig: Rig, node: Kubelet) -> None:
    script = ["echo one > /one; echo two > /two", "httpd -p 1234 -h /; httpd -p 1235 -h /; sleep 1000"]
    probe = {"tcpSocket": {"port": 1235}, "periodSeconds": 1}  # the second to listen
    await rig.create("ports", {"containers": [container(*script, readinessProbe=probe)]})
    await rig.until("ports", is_ready)
    client = api_client(rig, node)
    socket = await websocket.connect(client, "/portForward/default/ports?port=1234,1235", ["v4.channel.k8s.io"])
    seen: dict[int, bytes] = {}
    opening = [await socket.receive() for _ in range(4)]
    assert sorted(message[0] for message in opening) == [0, 1, 2, 3]  # a channel for data and one for errors, each
    assert {int.from_bytes(message[1:3], "little") for message in opening} == {1234, 1235}
    for channel, path in ((0, b"/one"), (2, b"/two")):
        await socket.send(bytes([channel]) + b"GET " + path + b" HTTP/1.0\r\n\r\n")
    while not all(seen.get(channel, b"").endswith(word) for channel, word in ((0, b"one\n"), (2, b"two\n"))):
        message = await socket.receive()
        assert isinstance(message, bytes)
        seen[message[0]] = seen.get(message[0], b"") + message[1:]
    await socket.close()


async def test_exec_is_passed_to_the_runtime(rig: Rig, node: Kubelet, talker: str) -> None:
    client = api_client(rig, node)
    headers = [("X-Stream-Protocol-Version", "v4.channel.k8s.io"), ("X-Stream-Protocol-Version", "v3.channel.k8s.io")]
    path = "/exec/default/talker/main?command=id&output=1"
    answer, connection = await client.upgrade(path, headers, "SPDY/3.1", method="POST")
    assert answer["x-stream-protocol-version"] == "v4.channel.k8s.io"
    await connection.close()
    with pytest.raises(UpgradeRefused) as refused:
        await client.upgrade("/exec/default/talker/none?command=id&output=1", headers, "SPDY/3.1", method="POST")
    assert (refused.value.answer.status, refused.value.answer.body) == (500, b'container not found ("none")')


async def test_port_forward_reaches_the_sandbox(rig: Rig, node: Kubelet, talker: str) -> None:
    client = api_client(rig, node)
    headers = [("X-Stream-Protocol-Version", "portforward.k8s.io")]
    _, connection = await client.upgrade("/portForward/default/talker", headers, "SPDY/3.1", method="POST")
    await asyncio.wait_for(connection.close(), 5)


async def test_another_certificate_is_shown_from_the_next_connection_on(rig: Rig, node: Kubelet, talker: str) -> None:
    authority = Authority(Pair(rig.read("ca.crt"), rig.read("ca.key")))
    pair = authority.issue("system:node:renewed", datetime.now(UTC), hosts=["127.0.0.1"])
    client = api_client(rig, node)
    async with client.stream("GET", f"/containerLogs/default/{talker}/main?follow=true") as following:
        assert b"line 1" in await anext(following.body)
        node.server.renew(pair.certificate, pair.key, rig.read("ca.crt"))
        shown = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", node.port))
        assert shown.strip() == pair.certificate.decode().strip()
        fresh = await get(rig, node, f"/containerLogs/default/{talker}/main")
        assert (fresh.status, fresh.body.count(b"line")) == (200, 3)
    await client.close()
