"""The kubelet's HTTPS server on a real node: who comes in, logs, commands, ports."""

import asyncio
import ssl

import orjson
import pytest
import pytest_asyncio

from sampan.cluster.certificates import Authority, Pair
from sampan.kubelet.app import Kubelet
from sampan.transport.connection import Answer, HTTPClient, UpgradeRefused
from sampan.transport.tls import client_context
from tests.kubelet.rig import Rig, container, is_ready

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
    assert (await nobody.request("GET", "/pods")).status == 401
    pair = Authority(Pair(rig.read("ca.crt"), rig.read("ca.key"))).issue("mallory", organizations=("system:masters",))
    mallory = api_client(rig, node, client_context(rig.read("ca.crt"), pair.certificate, pair.key))
    assert (await mallory.request("POST", "/exec/default/talker/main?command=id&output=1")).status == 403


async def test_it_is_healthy_and_lists_its_pods(rig: Rig, node: Kubelet, talker: str) -> None:
    assert (await get(rig, node, "/healthz")).body == b"ok"
    pods = orjson.loads((await get(rig, node, "/pods")).body)["items"]
    assert talker in [pod["metadata"]["name"] for pod in pods]
    summary = orjson.loads((await get(rig, node, "/stats/summary")).body)
    assert [c["name"] for pod in summary["pods"] for c in pod["containers"]] == ["main"]
    assert b"kubelet_running_pods 1" in (await get(rig, node, "/metrics")).body


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
    message = b'previous terminated container "main" in pod "talker" not found\n'
    assert (answer.status, answer.body) == (400, message)
    assert (await get(rig, node, "/containerLogs/default/nobody/main")).status == 404


async def test_following_ends_with_the_container(rig: Rig, node: Kubelet) -> None:
    await rig.create("follow", {"restartPolicy": "Never", "containers": [container("echo one; sleep 1; echo two")]})
    await rig.until("follow", is_ready)
    answer = await get(rig, node, "/containerLogs/default/follow/main?follow=true")
    assert answer.body == b"one\ntwo\n"


async def test_a_stream_must_be_an_upgrade(rig: Rig, node: Kubelet, talker: str) -> None:
    assert (await get(rig, node, "/exec/default/talker/main?command=id&output=1")).status == 400
    assert (await get(rig, node, "/portForward/default/talker")).status == 400


async def test_exec_is_passed_to_the_runtime(rig: Rig, node: Kubelet, talker: str) -> None:
    client = api_client(rig, node)
    headers = [("X-Stream-Protocol-Version", "v4.channel.k8s.io"), ("X-Stream-Protocol-Version", "v3.channel.k8s.io")]
    path = "/exec/default/talker/main?command=id&output=1"
    answer, connection = await client.upgrade(path, headers, "SPDY/3.1", method="POST")
    assert answer["x-stream-protocol-version"] == "v4.channel.k8s.io"
    await connection.close()
    with pytest.raises(UpgradeRefused) as refused:
        await client.upgrade("/exec/default/talker/none?command=id&output=1", headers, "SPDY/3.1", method="POST")
    assert refused.value.answer.status == 404


async def test_port_forward_reaches_the_sandbox(rig: Rig, node: Kubelet, talker: str) -> None:
    client = api_client(rig, node)
    headers = [("X-Stream-Protocol-Version", "portforward.k8s.io")]
    _, connection = await client.upgrade("/portForward/default/talker", headers, "SPDY/3.1", method="POST")
    await asyncio.wait_for(connection.close(), 5)
