"""A stream of WebSocket messages (RFC 6455), in both roles, over a Connection switched to it. Frames: wsproto.

The handshake is websocket.py, which loads this file with the first one: most servers never see any.
"""

from collections.abc import Iterator

from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from sampan.transport.messages import Connection

MAX_MESSAGE = 16 << 20


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
