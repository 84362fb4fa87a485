"""A stream for a WebSocket client: each piece a message, as it is or in base64. For logs.

After k8s.io/streaming/pkg/httpstream/wsstream (Reader). An empty message tells that the stream is there; what a client
sends is dropped, and the connection ends with the stream or when the client closes it.
"""

import asyncio
import base64
import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sampan.machinery.errors import BadRequest, Forbidden
from sampan.transport import websocket
from sampan.transport.messages import Request, StreamResponse, Upgrade
from sampan.transport.relay import close
from sampan.transport.websocket import BadHandshake

if TYPE_CHECKING:
    from sampan.transport.websocket_stream import WebSocket

Encode = Callable[[bytes], bytes | str]


def _plain(data: bytes) -> bytes | str:
    return data


def _base64(data: bytes) -> bytes | str:
    return base64.b64encode(data).decode("ascii")


_PROTOCOLS: Mapping[str, Encode] = {"": _plain, "binary.k8s.io": _plain, "base64.binary.k8s.io": _base64}


async def as_messages(request: Request, reply: StreamResponse) -> Upgrade:
    """The stream of `reply` for a client that asks for a WebSocket. Raises BadRequest, Forbidden."""
    offered = websocket.offered_protocols(request) or [""]
    chosen = next((name for name in offered if name in _PROTOCOLS), None)
    try:
        if chosen is None:
            supported = " ".join(_PROTOCOLS)
            raise Forbidden(
                f"requested protocol(s) are not supported: [{' '.join(offered)}]; supports [{supported}]", details={}
            )
        return websocket.accept(request, _Messages(reply, _PROTOCOLS[chosen]).run, chosen)
    except BadHandshake as error:
        await close(reply)
        raise BadRequest(str(error)) from error
    except Forbidden:
        await close(reply)
        raise


class _Messages:
    def __init__(self, reply: StreamResponse, encode: Encode) -> None:
        self._reply, self._encode = reply, encode

    async def run(self, socket: "WebSocket") -> None:
        """Until either side ends."""
        try:
            async with asyncio.TaskGroup() as group:
                ways = [group.create_task(self._send(socket)), group.create_task(_drop(socket))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
        finally:
            await close(self._reply)

    async def _send(self, socket: "WebSocket") -> None:
        with contextlib.suppress(ConnectionError):  # either end broke: that ends the stream
            await socket.send(self._encode(b""))
            async for piece in self._reply.stream:
                if piece:
                    await socket.send(self._encode(piece))


async def _drop(socket: "WebSocket") -> None:
    while await socket.receive() is not None:
        pass
