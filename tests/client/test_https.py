"""The HTTPS transport against a server that answers as told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest

from sampan.client.https import HTTPSTransport, failure
from sampan.client.kubeconfig import Access
from sampan.machinery.errors import APIError, Conflict, Expired, NotFound, ServiceUnavailable
from sampan.transport.messages import Request, Response, StreamResponse
from sampan.transport.server import HTTPServer

Connect = Callable[..., Awaitable[HTTPSTransport]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """`await connect(handler, token=...)`: a transport to a server with that handler."""
    servers, transports = [], []

    async def start(handler: Any, **access: Any) -> HTTPSTransport:
        server = HTTPServer(handler)
        port = await server.start("127.0.0.1", 0)
        servers.append(server)
        transports.append(HTTPSTransport(Access(f"http://127.0.0.1:{port}", **access), component="test"))
        return transports[-1]

    yield start
    for transport in transports:
        await transport.close()
    for server in servers:
        await server.stop()


async def test_request(connect: Connect) -> None:
    seen: list[Request] = []

    def handler(request: Request) -> Response:
        seen.append(request)
        return Response(201, b'{"kind":"Pod","metadata":{"name":"a"}}')

    transport = await connect(handler, token="secret")
    answer = await transport.request(
        "PATCH", "/api/v1/pods/a b", query={"x": "1,2=3"}, body={"a": "ä"}, content_type="application/merge-patch+json"
    )
    assert answer == {"kind": "Pod", "metadata": {"name": "a"}}
    [request] = seen
    assert (request.method, request.path, request.raw_query) == ("PATCH", "/api/v1/pods/a b", "x=1%2C2%3D3")
    assert request.body == '{"a":"ä"}'.encode()
    assert request.headers["content-type"] == "application/merge-patch+json"
    assert request.headers["authorization"] == "Bearer secret"
    assert request.headers["user-agent"].startswith("test/")


async def test_items_of_lists_get_their_type(connect: Connect) -> None:
    body = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [{"metadata": {"name": "a"}}]}
    transport = await connect(lambda request: Response(200, orjson.dumps(body)))
    answer = await transport.request("GET", "/api/v1/pods")
    assert answer["items"] == [{"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}}]


async def test_failures_are_raised(connect: Connect) -> None:
    status = Conflict.of("pods", "", "a").status()
    transport = await connect(lambda request: Response(409, orjson.dumps(status)), username="u", password="p")
    with pytest.raises(Conflict) as raised:
        await transport.request("PUT", "/api/v1/namespaces/default/pods/a", body={})
    assert raised.value.status() == status


@pytest.mark.parametrize(
    ("code", "body", "kind", "message"),
    [
        (404, b"404 page not found\n", NotFound, "404 page not found"),
        (503, b"", ServiceUnavailable, "the server answered with status 503"),
        (418, b'{"kind":"Pod"}', APIError, '{"kind":"Pod"}'),
    ],
)
def test_failures_without_a_status(code: int, body: bytes, kind: type[APIError], message: str) -> None:
    error = failure(code, body)
    assert type(error) is kind and error.status_code == code and error.message == message


async def pieces(*texts: bytes) -> AsyncIterator[bytes]:
    for text in texts:
        yield text


async def test_watch(connect: Connect) -> None:
    def handler(request: Request) -> StreamResponse:
        assert request.raw_query == "resourceVersion=5&watch=true"
        first = b'{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n{"type":"MODI'
        return StreamResponse(200, pieces(first, b'FIED","object":{}}', b'\n\n{"type":"BOOKMARK","object":{}}\n{"cut'))

    transport = await connect(handler)
    async with transport.watch("/api/v1/pods", {"resourceVersion": "5"}) as events:
        assert [event.type async for event in events] == ["ADDED", "MODIFIED", "BOOKMARK"]


async def test_watch_errors_are_raised(connect: Connect) -> None:
    status = orjson.dumps(Expired("too old resource version").status())

    def handler(request: Request) -> Response | StreamResponse:
        if request.path == "/refused":
            return Response(410, status)
        return StreamResponse(200, pieces(b'{"type":"ERROR","object":' + status + b"}\n"))

    transport = await connect(handler)
    with pytest.raises(Expired):
        async with transport.watch("/refused", {}):
            pass
    async with transport.watch("/event", {}) as events:
        with pytest.raises(Expired, match="too old"):
            await anext(events)


async def test_a_watch_that_breaks_raises_oserror(connect: Connect) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b'{"type":"ADDED","object":{}}\n'
        raise ValueError("the server fails")

    transport = await connect(lambda request: StreamResponse(200, broken()))
    with pytest.raises(OSError):
        async with transport.watch("/", {}) as events:
            async for _ in events:
                pass


async def test_stream(connect: Connect) -> None:
    def handler(request: Request) -> Response | StreamResponse:
        if request.path == "/missing":
            return Response(404, orjson.dumps(NotFound.of("pods", "", "a").status()))
        return StreamResponse(200, pieces(b"line 1\n", b"line 2\n"), "text/plain")

    transport = await connect(handler)
    async with transport.stream("/log", {"follow": "true"}) as chunks:
        assert b"".join([chunk async for chunk in chunks]) == b"line 1\nline 2\n"
    with pytest.raises(NotFound):
        async with transport.stream("/missing", {}):
            pass
