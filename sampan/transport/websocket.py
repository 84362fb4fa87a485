"""WebSocket (RFC 6455) over a Connection, in both roles: the handshake. What follows it is websocket_stream.py."""

import base64
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from sampan.transport.connection import Headers, HTTPClient
from sampan.transport.messages import Connection, Request, Upgrade
from sampan.transport.reading import ProtocolError

if TYPE_CHECKING:
    from sampan.transport.websocket_stream import WebSocket

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class BadHandshake(Exception):
    """A request that can't become a WebSocket; to be answered with 400."""


def is_websocket(request: Request) -> bool:
    """Whether a request asks to become a WebSocket."""
    return request.headers.get("upgrade", "").lower() == "websocket"


def offered_protocols(request: Request) -> list[str]:
    """The subprotocols that the client offers, in its order of preference."""
    return [name.strip() for name in request.headers.get("sec-websocket-protocol", "").split(",") if name.strip()]


def accept_headers(request: Request, subprotocol: str = "") -> list[tuple[str, str]]:
    """The headers of the 101 answer; raises BadHandshake (RFC 6455 section 4.2.1)."""
    key = request.headers.get("sec-websocket-key", "")
    if request.method != "GET" or not is_websocket(request):
        raise BadHandshake("a WebSocket begins with a GET and Upgrade: websocket")
    if request.headers.get("sec-websocket-version") != "13":
        raise BadHandshake("unsupported WebSocket version")
    if not _is_key(key):
        raise BadHandshake("malformed Sec-WebSocket-Key")
    headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", _accept(key))]
    if subprotocol:
        headers.append(("Sec-WebSocket-Protocol", subprotocol))
    return headers


def accept(request: Request, handler: Callable[["WebSocket"], Awaitable[None]], subprotocol: str = "") -> Upgrade:
    """The reply that switches to WebSocket and runs `handler`; raises BadHandshake."""

    async def run(connection: Connection) -> None:
        socket = _stream(connection, client=False, subprotocol=subprotocol)
        try:
            await handler(socket)
        finally:
            await socket.close()

    return Upgrade(run, accept_headers(request, subprotocol))


async def connect(client: HTTPClient, path: str, protocols: Sequence[str] = (), headers: Headers = ()) -> "WebSocket":
    """Dial a WebSocket; raises UpgradeRefused, ConnectionError."""
    key = base64.b64encode(os.urandom(16)).decode("ascii")
    asking = [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", key)]
    asking += headers.items() if not isinstance(headers, Sequence) else headers
    if protocols:
        asking.append(("Sec-WebSocket-Protocol", ", ".join(protocols)))
    answer, connection = await client.upgrade(path, asking, "websocket")
    chosen = answer.get("sec-websocket-protocol", "")
    if answer.get("sec-websocket-accept") != _accept(key) or (chosen and chosen not in protocols):
        await connection.close()
        raise ProtocolError("malformed WebSocket handshake")
    return _stream(connection, client=True, subprotocol=chosen)


def _stream(connection: Connection, *, client: bool, subprotocol: str) -> "WebSocket":
    from sampan.transport.websocket_stream import WebSocket  # not at the top: wsproto is slow to load

    return WebSocket(connection, client=client, subprotocol=subprotocol)


def _accept(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode("ascii") + _GUID).digest()).decode("ascii")


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except ValueError:
        return False
