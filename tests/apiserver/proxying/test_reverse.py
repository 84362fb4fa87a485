"""Requests to pods, Services and nodes through the API server, over sockets."""

import asyncio
from typing import Any

import orjson
import pytest

from sampan.testing.clock import settle
from sampan.transport import websocket
from sampan.transport.connection import UpgradeRefused
from sampan.transport.messages import Reply, Request, Response, StreamResponse
from tests.apiserver.harness import PODS
from tests.apiserver.proxying.pod_server import ADDRESS, NODES, POD, SERVICES, SLICES, Site, page

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def message(body: bytes) -> Any:
    status = orjson.loads(body)
    assert status["kind"] == "Status"
    return status["code"], status.get("reason", ""), status["message"]


def head_of(site: Site, tail: str, framing: str, token: str = "admin") -> bytes:
    """The head of a POST to the pod."""
    return f"POST {site.proxy}{tail} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n{framing}\r\n\r\n".encode()


@pytest.mark.parametrize("method", METHODS)
async def test_every_method(site: Site, method: str) -> None:
    body = b"" if method == "GET" else b"data"
    answer = await site.ask(method, f"{site.proxy}/a%20b/c?d=e&f=%2F", body=body)
    assert orjson.loads(answer.body) == {"method": method, "path": "/a%20b/c", "query": "d=e&f=%2F"}
    [asked] = site.backend.requests
    assert asked.stream is None or b"".join([piece async for piece in asked.stream]) == body


async def test_head_has_the_length_and_no_body(site: Site) -> None:
    site.backend.answers["/long"] = Response(200, b"x" * 1000, "text/html")
    answer = await site.ask("HEAD", f"{site.proxy}/long")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "1000", b"")
    assert (await site.ask("GET", f"{site.proxy}/long")).headers.get("content-length") is None  # HTML is rewritten


async def test_other_methods_are_none_of_its(site: Site) -> None:
    assert message((await site.ask("PROPFIND", f"{site.proxy}/")).body)[0] == 405
    assert not site.backend.requests


@pytest.mark.parametrize(
    ("tail", "path"),
    [("/", "/"), ("/a/", "/a/"), ("/a/../b", "/b"), ("//a", "/a"), ("/a%2Fb", "/a/b"), ("/%C3%A9", "/%C3%A9")],
)
async def test_paths(site: Site, tail: str, path: str) -> None:
    answer = await site.ask("GET", site.proxy + tail)
    assert orjson.loads(answer.body)["path"] == path


@pytest.mark.parametrize("place", ["pod", "service", "node"])
async def test_without_a_slash_the_client_is_sent_to_one(site: Site, place: str) -> None:
    port = site.backend.port
    proxy = {"pod": site.proxy, "service": f"{SERVICES}/web:80/proxy", "node": f"{NODES}/n1:{port}/proxy"}[place]
    answer = await site.ask("GET", f"{proxy}?a=b")
    assert (answer.status, answer.headers["location"], answer.body) == (301, f"{proxy}/?a=b", b"")
    assert not site.backend.requests
    assert orjson.loads((await site.ask("POST", proxy)).body)["path"] == "/"


@pytest.mark.parametrize("name", ["web:http", "web:80", "http:web:http"])
async def test_services(site: Site, name: str) -> None:
    answer = await site.ask("PUT", f"{SERVICES}/{name}/proxy/x")
    assert orjson.loads(answer.body) == {"method": "PUT", "path": "/x", "query": ""}


async def test_nodes(site: Site) -> None:
    for name in ("n1", f"n1:{site.backend.port}", f"http:n1:{site.backend.port}"):
        answer = await site.ask("GET", f"{NODES}/{name}/proxy/stats/summary?only_cpu_and_memory=true")
        assert orjson.loads(answer.body)["path"] == "/stats/summary"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{POD}x/proxy/", (404, "NotFound", 'pods "webx" not found')),
        (f"{NODES}/n2/proxy/", (404, "NotFound", 'nodes "n2" not found')),
        (f"{POD}:a:b:c/proxy/", (400, "BadRequest", 'invalid pod request "web:a:b:c"')),
        (f"{SERVICES}/ftp:web:21/proxy/", (400, "BadRequest", 'invalid service request "ftp:web:21"')),
        (f"{SERVICES}/web/proxy/", (503, "ServiceUnavailable", 'no endpoints available for service "web"')),
        (f"{SERVICES}/web:other/proxy/", (503, "ServiceUnavailable", 'no endpoints available for service "web"')),
        (f"{SERVICES}/web:82/proxy/", (503, "ServiceUnavailable", 'no service port 82 found for service "web"')),
        (f"{POD}/proxy/?dryRun=All", (400, "BadRequest", "dryRun is not supported")),
    ],
)
async def test_what_leads_nowhere(site: Site, path: str, expected: Any) -> None:
    assert message((await site.ask("GET", path)).body) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"targetRef": None},
        {"targetRef": {"kind": "Pod", "name": "gone", "namespace": "default"}},
        {"targetRef": {"kind": "Pod", "name": "web", "namespace": "other"}},
        {"addresses": ["192.0.2.98"]},
        {"conditions": {"ready": False}},
    ],
)
async def test_endpoints_that_are_no_pods_are_not_dialled(site: Site, wrong: Any) -> None:
    found = await site.api.get(f"{SLICES}/web-1")
    [endpoint] = found["endpoints"]
    kept = {name: value for name, value in (endpoint | wrong).items() if value is not None}
    assert (await site.api.call("PUT", f"{SLICES}/web-1", found | {"endpoints": [kept]})).status == 200
    answer = await site.ask("GET", f"{SERVICES}/web:http/proxy/")
    assert message(answer.body)[2] == 'no endpoints available for service "web"'


async def test_local_addresses_are_refused(site: Site) -> None:
    local = {"status": {"podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}}
    assert (await site.api.patch(f"{POD}/status", local)).status == 200
    local = {"status": {"addresses": [{"type": "InternalIP", "address": "localhost"}]}}
    assert (await site.api.patch(f"{NODES}/n1/status", local)).status == 200
    for path in (site.proxy, f"{NODES}/n1/proxy", f"{NODES}/n1:22/proxy"):
        assert message((await site.ask("GET", f"{path}/")).body) == (400, "BadRequest", "address not allowed")
    assert not site.backend.requests


async def test_a_pod_that_does_not_answer(site: Site) -> None:
    why = f"error trying to reach service: dial tcp {ADDRESS}:1: connect: connection refused"
    assert message((await site.ask("GET", f"{POD}:1/proxy/")).body) == (503, "ServiceUnavailable", why)
    answer = await site.ask("GET", f"{PODS}/https:web:{site.backend.port}/proxy/")
    assert message(answer.body)[2].startswith(
        "error trying to reach service: tls: first record does not look like a TLS"
    )
    with pytest.raises(UpgradeRefused) as refused:
        await site.client.upgrade(f"{POD}:1/proxy/", (), "websocket")
    why = f"error dialing backend: dial tcp {ADDRESS}:1: connect: connection refused"
    assert message(refused.value.answer.body) == (500, "", why)


async def test_credentials_stay_here(site: Site) -> None:
    private = {"Impersonate-User": "jane", "Impersonate-Group": "system:masters", "X-Remote-User": "root"}
    sent = {
        "Cookie": "session=1",
        "Accept": "text/plain",
        "Proxy-Authorization": "x",
        "TE": "gzip",
        "X-Forwarded-For": "9.9.9.9",
    }
    await site.ask("GET", f"{site.proxy}/a/", {**private, **sent})
    [asked] = site.backend.requests
    hidden = {"authorization", "impersonate-user", "impersonate-group", "x-remote-user", "proxy-authorization", "te"}
    assert not hidden & asked.headers.keys()
    assert (asked.headers["cookie"], asked.headers["accept"]) == ("session=1", "text/plain")
    assert (asked.headers["host"], asked.headers["x-forwarded-for"]) == (site.host, "9.9.9.9, 127.0.0.1")
    assert asked.headers["x-forwarded-uri"] == f"{site.proxy}/a/"


async def test_headers_keep_their_bytes(site: Site) -> None:
    async def echo(request: Request) -> Reply:
        return Response(200, b"", "text/plain", [("X-Said", request.headers["x-said"].encode("latin-1").decode())])

    site.backend.answers["/echo"] = echo
    answer = await site.ask("GET", f"{site.proxy}/echo", {"X-Said": "é€"})
    assert answer.headers["x-said"].encode("latin-1").decode() == "é€"


async def test_who_may_not_is_refused_before_the_body(site: Site) -> None:
    for token, status in (("joe", b"403"), ("nobody", b"401")):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.api.server.port)
        head = head_of(site, "/", "Content-Length: 100000000", token)
        writer.write(head + b"x" * 1000)
        assert (await asyncio.wait_for(reader.readline(), 5)).split()[1] == status
        writer.close()
    assert not site.backend.requests


async def test_redirects_lead_here_again_and_are_not_followed(site: Site) -> None:
    own = f"http://{ADDRESS}:{site.backend.port}/there?x=1"
    for location, expected in (
        ("/there/", f"{site.proxy}/there/"),
        (own, f"{site.proxy}/there?x=1"),
        ("https://elsewhere.example.com/there", "https://elsewhere.example.com/there"),
        ("there", "there"),
    ):
        site.backend.answers["/here"] = Response(302, b"moved", "text/plain", [("Location", location)])
        answer = await site.ask("GET", f"{site.proxy}/here")
        assert (answer.status, answer.headers["location"], answer.body) == (302, expected, b"moved")
    assert {asked.path for asked in site.backend.requests} == {"/here"}


async def test_a_location_that_is_none(site: Site) -> None:
    site.backend.answers["/here"] = Response(302, b"", "", [("Location", "http://[::1/")])
    code, reason, text = message((await site.ask("GET", f"{site.proxy}/here")).body)
    assert (code, reason) == (500, "InternalError")
    assert text.startswith("Internal error occurred: error trying to parse Location header: ")


async def test_pages_and_cors(site: Site) -> None:
    allow = {"Access-Control-Allow-Origin": "*", "X-Other": "1"}
    site.backend.answers["/page"] = page(b'<a href="/x', b'">y</a>', **allow)
    answer = await site.ask("GET", f"{site.proxy}/page")
    assert answer.body == f'<a href="{site.proxy}/x">y</a>'.encode()
    assert "access-control-allow-origin" not in answer.headers
    assert (answer.headers["x-other"], answer.headers["content-type"]) == ("1", "text/html; charset=utf-8")


async def test_bodies_flow_both_ways_at_once(site: Site) -> None:
    async def echo(request: Request) -> Reply:
        assert request.stream is not None
        return StreamResponse(200, request.stream, "application/octet-stream")

    site.backend.answers["/echo"] = echo
    reader, writer = await asyncio.open_connection("127.0.0.1", site.api.server.port)
    head = head_of(site, "/echo", "Transfer-Encoding: chunked")
    writer.write(head)
    writer.write(b"5\r\nhello\r\n")
    await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(10) == b"5\r\nhello\r\n"
    piece, count = b"x" * 0x100000, 80

    async def send() -> None:
        for _ in range(count):
            writer.write(b"100000\r\n" + piece + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    sending = asyncio.ensure_future(send())
    await settle(2000)
    assert not sending.done()  # nobody reads, so everybody waits
    received = 0
    while size := int(await reader.readline(), 16):
        received += len(await reader.readexactly(size))
        await reader.readline()
    await sending
    assert received == count * len(piece)
    writer.close()


async def test_upgrades(site: Site) -> None:
    headers, connection = await site.client.upgrade(f"{site.proxy}/ws?x=1", (), "websocket")
    assert headers["upgrade"] == "websocket"
    await connection.write(b"hello")
    assert await connection.read() == b"HELLO"
    await connection.close()
    [asked] = site.backend.requests
    assert (asked.raw_path, asked.raw_query, asked.headers["host"]) == ("/ws", "x=1", site.host)
    assert "authorization" not in asked.headers
    _, connection = await site.client.upgrade(f"{SERVICES}/web:http/proxy", (), "SPDY/3.1", method="POST")
    await connection.write(b"hello")
    assert await connection.read() == b"HELLO"
    await connection.close()
    assert (site.backend.requests[-1].method, site.backend.requests[-1].raw_path) == ("POST", "/")


async def test_upgrades_that_are_refused(site: Site) -> None:
    site.backend.answers["/no"] = Response(418, b"teapot", "text/plain")
    site.backend.answers["/away"] = Response(302, b"", "text/plain", [("Location", "/x")])
    with pytest.raises(UpgradeRefused) as refused:
        await site.client.upgrade(f"{site.proxy}/no", (), "websocket")
    assert (refused.value.answer.status, refused.value.answer.body) == (418, b"teapot")
    with pytest.raises(UpgradeRefused) as refused:
        await site.client.upgrade(f"{site.proxy}/away", (), "websocket")
    assert message(refused.value.answer.body) == (500, "", "invalid upgrade response: status code 302")


async def test_the_token_of_a_websocket_stays_here(site: Site) -> None:
    offered = ["base64url.bearer.authorization.k8s.io.YWRtaW4", "chat"]
    site.client._headers = []  # no other credentials than those

    async def accept(request: Request) -> Reply:
        async def run(socket: Any) -> None:
            await socket.send("hi")

        return websocket.accept(request, run, "chat")

    site.backend.answers["/ws"] = accept
    socket = await websocket.connect(site.client, f"{site.proxy}/ws", offered, {"Host": "h"})
    assert (socket.subprotocol, await socket.receive()) == ("chat", "hi")
    await socket.close()
    assert site.backend.requests[0].headers["sec-websocket-protocol"] == "chat"


async def test_what_nobody_waits_for_ends(site: Site) -> None:
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def never(request: Request) -> Reply:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set_result(None)
        raise AssertionError

    site.backend.answers["/never"] = never
    _, writer = await asyncio.open_connection("127.0.0.1", site.api.server.port)
    head = head_of(site, "/never", "Content-Length: 0")
    writer.write(head)
    while not site.backend.requests:
        await settle(10)
    writer.close()
    await asyncio.wait_for(ended, 5)


async def test_discovery_tells_of_them(site: Site) -> None:
    found = {one["name"]: one for one in (await site.api.get("/api/v1"))["resources"]}
    for name, kind in (("pods", "PodProxyOptions"), ("services", "ServiceProxyOptions"), ("nodes", "NodeProxyOptions")):
        proxy = found[f"{name}/proxy"]
        assert (proxy["kind"], proxy["namespaced"]) == (kind, name != "nodes")
        assert proxy["verbs"] == ["create", "delete", "get", "patch", "update"]


async def test_options_needs_every_verb(site: Site) -> None:
    """OPTIONS is no verb, so only a rule for all of them allows it."""
    rules = [{"apiGroups": [""], "resources": ["pods/proxy"], "verbs": ["get", "create", "update", "patch", "delete"]}]
    await site.api.create(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles", {"metadata": {"name": "r"}, "rules": rules}
    )
    binding = {
        "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "joe"}],
    }
    await site.api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    joe = {"Authorization": "Bearer joe"}
    assert (await site.ask("DELETE", f"{site.proxy}/", joe)).status == 200
    assert (await site.ask("OPTIONS", f"{site.proxy}/", joe)).status == 403
