"""WebSocket (RFC 6455) over a Connection, in both roles: the handshake and a stream of messages. Frames: wsproto."""

import base64
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence

from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from sampan.transport.connection import Headers, HTTPClient
from sampan.transport.messages import Connection, Request, Upgrade
from sampan.transport.reading import ProtocolError

MAX_MESSAGE = 16 << 20
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class BadHandshake(Exception):
    """A request that can't become a WebSocket; to be answered with 400."""


class WebSocket:
    """Messages over a connection that has been switched to WebSocket. One task receives; any may send."""

    def __init__(
        self, connection: Connection, *, client: bool, subprotocol: str = "", max_message: int = MAX_MESSAGE
    ) -> None:
        self.subprotocol = subprotocol
        self.close_code: int | None = None  # the peer's, once it has closed
        self.close_reason = ""
        self._connection = connection
        self._frames = Frames(ConnectionType.CLIENT if client else ConnectionType.SERVER)
        self._events: Iterator[Event] = iter(())
        self._max_message = max_message
        self._parts = bytearray()  # of a message in several frames

    async def receive(self) -> bytes | str | None:
        """The next message, binary or text; None once the peer has closed or gone. Pings are answered on the way."""
        while True:
            for event in self._events:
                message = await self._handle(event)
                if message is not None:
                    return message
                if self._frames.state is not ConnectionState.OPEN:
                    return None
            try:
                data = await self._connection.read()
            except ConnectionError:
                data = b""
            if not data:
                self.close_code = self.close_code or CloseReason.ABNORMAL_CLOSURE
                return None
            self._frames.receive_data(data)
            self._events = self._frames.events()

    async def send(self, data: bytes | str) -> None:
        """Send one message; raises ConnectionError."""
        if isinstance(data, str):
            await self._send(TextMessage(data))
        else:
            await self._send(BytesMessage(data))

    async def ping(self, payload: bytes = b"") -> None:
        """Send a ping; raises ConnectionError."""
        await self._send(Ping(payload))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame, unless that has been done, and close the connection."""
        try:
            if self._frames.state is ConnectionState.OPEN:
                await self._send(CloseConnection(code, reason))
        except ConnectionError:
            return  # it is closed already
        finally:
            await self._connection.close()

    async def _send(self, event: Event) -> None:
        try:
            data = self._frames.send(event)
        except LocalProtocolError as error:
            raise ConnectionResetError("the WebSocket is closed") from error
        await self._connection.write(data)

    async def _handle(self, event: Event) -> bytes | str | None:
        if isinstance(event, (BytesMessage, TextMessage)):
            return await self._collect(event)
        if isinstance(event, Ping):
            await self._answer(event.response())
        elif isinstance(event, CloseConnection):
            self.close_code, self.close_reason = event.code, event.reason or ""
            await self._answer(event.response())
        return None

    async def _answer(self, event: Event) -> None:
        try:
            await self._send(event)
        except ConnectionError:
            return  # the peer did not wait for it; the next read tells

    async def _collect(self, event: BytesMessage | TextMessage) -> bytes | str | None:
        self._parts += event.data.encode() if isinstance(event, TextMessage) else event.data
        if len(self._parts) > self._max_message:
            await self.close(CloseReason.MESSAGE_TOO_BIG, "message too big")
            return None
        if not event.message_finished:
            return None
        message, self._parts = self._parts, bytearray()
        return message.decode() if isinstance(event, TextMessage) else bytes(message)


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


def accept(request: Request, handler: Callable[[WebSocket], Awaitable[None]], subprotocol: str = "") -> Upgrade:
    """The reply that switches to WebSocket and runs `handler`; raises BadHandshake."""

    async def run(connection: Connection) -> None:
        socket = WebSocket(connection, client=False, subprotocol=subprotocol)
        try:
            await handler(socket)
        finally:
            await socket.close()

    return Upgrade(run, accept_headers(request, subprotocol))


async def connect(
    client: HTTPClient, path: str, protocols: Sequence[str] = (), headers: Headers = (), max_message: int = MAX_MESSAGE
) -> WebSocket:
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
    return WebSocket(connection, client=True, subprotocol=chosen, max_message=max_message)


def _accept(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode("ascii") + _GUID).digest()).decode("ascii")


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except ValueError:
        return False
