"""Streams for WebSocket clients, as browsers are: a log, each piece a message; a watch, each event a message.

After k8s.io/streaming/pkg/httpstream/wsstream (Reader) and k8s.io/apiserver/pkg/endpoints/handlers (WatchServer). Of a
log, an empty message tells that the stream is there. What a client sends is dropped, and the connection ends with the
stream or when the client closes it.
"""

import asyncio
import base64
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from sampan.machinery.errors import BadRequest, Forbidden
from sampan.transport import websocket
from sampan.transport.messages import Request, StreamResponse, Upgrade
from sampan.transport.relay import close
from sampan.transport.websocket import BadHandshake

if TYPE_CHECKING:
    from sampan.transport.websocket_stream import WebSocket

Encode = Callable[[bytes], Iterable[bytes | str]]  # a piece of the stream as messages


def _plain(data: bytes) -> Iterable[bytes | str]:
    return (data,)


def _base64(data: bytes) -> Iterable[bytes | str]:
    return (base64.b64encode(data).decode("ascii"),)


def _lines(data: bytes) -> Iterable[bytes | str]:
    return data.decode().splitlines(keepends=True)


_PROTOCOLS: Mapping[str, Encode] = {"": _plain, "binary.k8s.io": _plain, "base64.binary.k8s.io": _base64}


async def log_messages(request: Request, reply: StreamResponse) -> Upgrade:
    """A log for a client that asks for a WebSocket. Raises BadRequest, Forbidden."""
    offered = websocket.offered_protocols(request) or [""]
    chosen = next((name for name in offered if name in _PROTOCOLS), None)
    if chosen is None:
        await close(reply)
        shown, supported = " ".join(offered), " ".join(_PROTOCOLS)
        text = f"requested protocol(s) are not supported: [{shown}]; supports [{supported}]"
        raise Forbidden(text, details={})
    encode = _PROTOCOLS[chosen]
    return await _accepted(request, _Messages(reply, encode, encode(b"")), chosen)


async def watch_messages(request: Request, reply: StreamResponse) -> Upgrade:
    """A watch in JSON for a client that asks for a WebSocket. Raises BadRequest."""
    if reply.content_type != "application/json":
        await close(reply)
        raise BadRequest("over a WebSocket, events are in application/json only")
    return await _accepted(request, _Messages(reply, _lines), "")


async def _accepted(request: Request, messages: "_Messages", protocol: str) -> Upgrade:
    try:
        return websocket.accept(request, messages.run, protocol)
    except BadHandshake as error:
        await close(messages.reply)
        raise BadRequest(str(error)) from error


class _Messages:
    def __init__(self, reply: StreamResponse, encode: Encode, greeting: Iterable[bytes | str] = ()) -> None:
        self.reply, self._encode, self._greeting = reply, encode, greeting

    async def run(self, socket: "WebSocket") -> None:
        """Until either side ends."""
        try:
            async with asyncio.TaskGroup() as group:
                ways = [group.create_task(self._send(socket)), group.create_task(_drop(socket))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
        finally:
            await close(self.reply)

    async def _send(self, socket: "WebSocket") -> None:
        with contextlib.suppress(ConnectionError):  # either end broke: that ends the stream
            for message in self._greeting:
                await socket.send(message)
            async for piece in self.reply.stream:
                for message in self._encode(piece) if piece else ():
                    await socket.send(message)


async def _drop(socket: "WebSocket") -> None:
    while await socket.receive() is not None:
        pass
