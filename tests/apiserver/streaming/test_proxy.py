"""Raw upgrades and logs: what may pass, and what may not."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
import pytest

from sampan.transport.connection import UpgradeRefused
from sampan.transport.messages import Response
from sampan.transport.spdy import Session
from tests.apiserver.streaming.conftest import Site

Start = Callable[..., Awaitable[Site]]
POD = "/api/v1/namespaces/default/pods/web"
OFFER = [("X-Stream-Protocol-Version", "v4.channel.k8s.io"), ("X-Stream-Protocol-Version", "v3.channel.k8s.io")]


async def test_spdy_is_passed_byte_for_byte(start: Start) -> None:
    site = await start()
    headers, connection = await site.client().upgrade(
        f"{POD}/exec?command=cat&stdin=true&stdout=true", OFFER, "SPDY/3.1", method="POST"
    )
    assert headers["x-stream-protocol-version"] == "v4.channel.k8s.io"
    session = Session(connection, client=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(session.run())
        streams = {name: await session.open({"streamType": name}) for name in ("error", "stdin", "stdout")}
        await streams["stdin"].write(b"hello")
        assert await streams["stdout"].read() == b"hello"
        await streams["stdin"].write_eof()
        assert orjson.loads(await streams["error"].read())["status"] == "Success"
        await session.close()
    await site.kubelet.sessions_ended.wait()


async def test_secrets_stay_here_and_versions_stay_apart(start: Start) -> None:
    site = await start()
    private = {"Authorization": "Bearer x", "Cookie": "c", "Impersonate_User": "root", "X_Remote_User": "root"}
    _, connection = await site.client(**private).upgrade(
        f"{POD}/exec?command=cat&stdin=true", OFFER, "SPDY/3.1", method="POST"
    )
    await connection.close()
    [request] = site.kubelet.requests
    assert not {name.lower().replace("_", "-") for name in private} & set(request.headers)
    assert request.headers["x-stream-protocol-version"] == "v4.channel.k8s.io, v3.channel.k8s.io"
    assert request.headers["host"] == f"127.0.0.1:{site.api.kubelet_port}"


async def test_a_refused_upgrade_carries_no_second_request(start: Start) -> None:
    """CVE-2018-1002105: what follows a refused upgrade must not reach the kubelet with the API server's rights."""
    site = await start()
    site.kubelet.refusal = Response(403, b"no", "text/plain")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))
    head = f"POST {POD}/exec?command=x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
    writer.write(head.encode() + b"GET /runningpods/ HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 403") and answer.endswith(b"no") and b"Connection: close" in answer
    assert [request.path for request in site.kubelet.requests] == ["/exec/default/web/main"]
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("path", "method", "protocol", "headers"),
    [
        ("exec?command=x", "POST", "SPDY/3.1", OFFER),
        (
            "portforward",
            "GET",
            "websocket",
            [
                ("Sec-WebSocket-Protocol", "SPDY/3.1+portforward.k8s.io"),
                ("Sec-WebSocket-Key", "MDEyMzQ1Njc4OWFiY2RlZg=="),
                ("Sec-WebSocket-Version", "13"),
            ],
        ),
    ],
)
async def test_redirects_are_not_passed_on(
    start: Start, path: str, method: str, protocol: str, headers: list[tuple[str, str]]
) -> None:
    """CVE-2020-8559: a node must not send a client's credentials elsewhere."""
    site = await start()
    site.kubelet.refusal = Response(302, headers=[("Location", "https://elsewhere/")])
    with pytest.raises(UpgradeRefused) as refused:
        await site.client().upgrade(f"{POD}/{path}", headers, protocol, method=method)
    assert refused.value.answer.status == 502 and "location" not in refused.value.answer.headers


@pytest.mark.parametrize("subresource", ["exec?command=x", "attach", "portforward"])
async def test_a_kubelet_that_is_not_there(start: Start, subresource: str) -> None:
    site = await start()
    await site.kubelet_server.stop()
    with pytest.raises(UpgradeRefused) as refused:
        await site.client().upgrade(f"{POD}/{subresource}", OFFER, "SPDY/3.1", method="POST")
    status = orjson.loads(refused.value.answer.body)
    assert status["code"] == 500 and status["message"] == (
        f"error dialing backend: dial tcp 127.0.0.1:{site.api.kubelet_port}: connect: connection refused"
    )


async def test_log(start: Start) -> None:
    site = await start()
    answer = await site.client().request("GET", f"{POD}/log?tailLines=2")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")
    assert answer.body == b"line 1\nline 2\n"
    assert site.kubelet.requests[0].raw_query == "tailLines=2"


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        (500, "InternalError", "Internal error occurred: why"),
        (400, "BadRequest", "why"),
        (404, "NotFound", "the server could not find the requested resource ( pods/log web)"),
        (403, None, "why"),
        (302, None, "why"),
    ],
)
async def test_log_failures(start: Start, status: int, reason: str | None, message: str) -> None:
    site = await start()
    site.kubelet.refusal = Response(status, b"why\n", "text/plain", headers=[("Location", "https://elsewhere/")])
    answer = await site.client().request("GET", f"{POD}/log")
    body = orjson.loads(answer.body)
    assert (answer.status, body.get("reason"), body["message"]) == (status, reason, message)
    assert "location" not in answer.headers


async def test_log_without_a_kubelet(start: Start) -> None:
    site = await start()
    await site.kubelet_server.stop()
    answer = await site.client().request("GET", f"{POD}/log")
    url = f"http://127.0.0.1:{site.api.kubelet_port}/containerLogs/default/web/main"
    assert orjson.loads(answer.body)["message"] == (
        f'Get "{url}": dial tcp 127.0.0.1:{site.api.kubelet_port}: connect: connection refused'
    )
