"""Servers and bare sockets for the tests of the wire; each test runs on asyncio's own loop and on uvloop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvloop

from sampan.transport.limits import Limits
from sampan.transport.messages import Handler, Request, Response
from sampan.transport.raw import RawConnection
from sampan.transport.server import HTTPServer


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Any]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Wire:
    """A bare TCP client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def response(self, *, head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """One response with its body read by Content-Length, by chunks, or to the end."""
        raw = await self.reader.readuntil(b"\r\n\r\n")
        lines = raw.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:-2])}
        status = int(lines[0].split()[1])
        if head or status in (101, 204, 304) or status == 100:
            return status, headers, b""
        if "content-length" in headers:
            return status, headers, await self.reader.readexactly(int(headers["content-length"]))
        if "transfer-encoding" in headers:
            return status, headers, b"".join([chunk async for chunk in self.chunks()])
        return status, headers, await self.reader.read()

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            size = int(await self.reader.readline(), 16)
            data = await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
            if not size:
                return
            yield data

    async def at_end(self) -> bool:
        """Wait for the server to close; False if it sends something first."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class Site:
    """A server under test, and connections to it."""

    def __init__(self, server: HTTPServer, port: int) -> None:
        self.server = server
        self.port = port
        self.wires: list[Wire] = []

    async def connect(self, **options: Any) -> Wire:
        address = () if "sock" in options else ("127.0.0.1", self.port)
        wire = Wire(*await asyncio.open_connection(*address, **options))
        self.wires.append(wire)
        return wire


Serve = Callable[..., Awaitable[Site]]


def echo(request: Request) -> Response:
    """Tells what it has understood."""
    return Response(200, f"{request.method} {request.path} {request.raw_query} ".encode() + request.body, "text/plain")


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """`await serve(handler, ssl_context=..., **limits)` starts a server that ends with the test."""
    sites: list[Site] = []

    async def start(handler: Handler = echo, *, ssl_context: Any = None, **limits: Any) -> Site:
        server = HTTPServer(handler, limits=Limits(**limits))
        site = Site(server, await server.start("127.0.0.1", 0, ssl_context))
        sites.append(site)
        return site

    yield start
    for site in sites:
        for wire in site.wires:
            await wire.close()
        await site.server.stop()


async def connection_pair() -> tuple[RawConnection, RawConnection]:
    """Two ends of one connection."""
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    _, one = await loop.create_connection(RawConnection, sock=left)
    _, other = await loop.create_connection(RawConnection, sock=right)
    return one, other
