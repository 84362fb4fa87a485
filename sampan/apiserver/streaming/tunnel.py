"""Port-forward for WebSocket clients that tunnel SPDY: binary messages are pieces of a SPDY connection (KEP-4006)."""

from typing import TYPE_CHECKING

from sampan.apiserver.streaming.target import KubeletTarget, refuse_redirects, unreachable
from sampan.machinery.errors import BadRequest
from sampan.transport import websocket
from sampan.transport.connection import UpgradeRefused
from sampan.transport.messages import Reply, Request
from sampan.transport.relay import relay_answer, splice
from sampan.transport.websocket import BadHandshake

if TYPE_CHECKING:
    from sampan.transport.websocket_stream import WebSocket

_PREFIX = "SPDY/3.1+"
_VERSION = "X-Stream-Protocol-Version"


def tunnelled(request: Request) -> str:
    """The protocol inside the tunnel that a WebSocket client asks for; empty where it asks for none."""
    for name in websocket.offered_protocols(request):
        if name.startswith(_PREFIX):
            return name.removeprefix(_PREFIX)
    return ""


async def tunnel(target: KubeletTarget, request: Request) -> Reply:
    """Ask the kubelet for SPDY; if it agrees, unwrap the client's messages into it. Raises APIError."""
    protocol = tunnelled(request)
    try:
        websocket.accept_headers(request)
    except BadHandshake as error:
        raise BadRequest(str(error)) from error
    try:
        _, kubelet = await target.client().upgrade(target.location, {_VERSION: protocol}, "SPDY/3.1", method="POST")
    except UpgradeRefused as refused:
        return refuse_redirects(relay_answer(refused.answer))
    except OSError as error:
        raise unreachable(target, error) from error

    async def run(socket: "WebSocket") -> None:
        await splice(_Unwrapped(socket), kubelet)

    return websocket.accept(request, run, _PREFIX + protocol)


class _Unwrapped:
    """A WebSocket as a Connection: message borders mean nothing."""

    def __init__(self, socket: "WebSocket") -> None:
        self._socket = socket

    async def read(self) -> bytes:
        while (message := await self._socket.receive()) is not None:
            if message:
                return message if isinstance(message, bytes) else message.encode()
        return b""

    async def write(self, data: bytes) -> None:
        await self._socket.send(data)

    async def write_eof(self) -> None:
        """A WebSocket has no half-close."""

    async def close(self) -> None:
        await self._socket.close()
