"""exec and attach for WebSocket clients: channels on their side, SPDY streams on the kubelet's (KEP-4006).

The WebSocket is accepted first; what then goes wrong is told on the error channel, as upstream's StreamTranslator does.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import orjson

from sampan.apiserver.streaming.channels import Channel, ChannelProtocol, Close, Piece, choose
from sampan.apiserver.streaming.outcome import internal_error, outcome
from sampan.apiserver.streaming.target import KubeletTarget, dial_error
from sampan.machinery.errors import BadRequest
from sampan.machinery.meta import Object
from sampan.transport import websocket
from sampan.transport.connection import UpgradeRefused
from sampan.transport.messages import Request, Upgrade
from sampan.transport.spdy import Session, SPDYError, Stream
from sampan.transport.websocket import BadHandshake

if TYPE_CHECKING:
    from sampan.transport.websocket_stream import WebSocket

logger = logging.getLogger(__name__)

_VERSION = "X-Stream-Protocol-Version"
_PROTOCOL = "v4.channel.k8s.io"
_OPEN_TIMEOUT = 30.0  # seconds for all streams to be accepted
_FROM_CLIENT = frozenset({Channel.STDIN, Channel.RESIZE})

# The streams in the order in which they are opened, the query parameter that asks for each, and what SPDY calls it.
_STREAMS = (
    (Channel.ERROR, "", "error"),
    (Channel.STDIN, "input", "stdin"),
    (Channel.STDOUT, "output", "stdout"),
    (Channel.STDERR, "error", "stderr"),
    (Channel.RESIZE, "tty", "resize"),
)


def translate(target: KubeletTarget, request: Request) -> Upgrade:
    """The reply to a WebSocket client's exec or attach. Raises BadRequest for a handshake that can't be accepted."""
    protocol = choose(websocket.offered_protocols(request))
    if protocol is None:
        raise BadRequest("none of the offered WebSocket subprotocols is supported")

    async def run(socket: "WebSocket") -> None:
        await _Translation(target, protocol, socket).run()

    try:
        return websocket.accept(request, run, protocol.name)
    except BadHandshake as error:
        raise BadRequest(str(error)) from error


def wanted(query: str) -> list[tuple[Channel, str]]:
    """The streams that a kubelet's query asks for, with their SPDY names; a terminal has no stderr of its own."""
    values = {name for name, given in parse_qs(query).items() if given[-1] in ("1", "true")}
    if "tty" in values:
        values.discard("error")
    return [(channel, name) for channel, parameter, name in _STREAMS if not parameter or parameter in values]


class _Failed(Exception):
    """The kubelet's side can't be had; the text is for the client."""


class _Translation:
    """One client and one kubelet."""

    def __init__(self, target: KubeletTarget, protocol: ChannelProtocol, socket: "WebSocket") -> None:
        self._target = target
        self._protocol = protocol
        self._socket = socket

    async def run(self) -> None:
        """Until the command has ended or the client has gone."""
        channels = dict(wanted(self._target.query))
        with contextlib.suppress(ConnectionError):  # raised where the client has gone: nobody is left to tell
            await self._announce(channels)
            try:
                await self._exchange(await self._dial(), channels)
            except _Failed as error:
                await self._finish(internal_error(str(error)))

    async def _announce(self, channels: Mapping[Channel, str]) -> None:
        """An empty message on the lowest channel that the client reads tells that the streams are there."""
        readable = (Channel.STDOUT, Channel.STDERR, Channel.ERROR)
        await self._tell(next(channel for channel in readable if channel in channels), b"")

    async def _dial(self) -> Session:
        target, headers = self._target, {_VERSION: _PROTOCOL}
        try:
            answer, connection = await target.client().upgrade(target.location, headers, "SPDY/3.1", method="POST")
        except UpgradeRefused as refused:
            text = refused.answer.body.decode("utf-8", "replace").strip()
            raise _Failed(f"unable to upgrade connection: {text or refused.answer.status}") from refused
        except OSError as error:
            raise _Failed(f"error dialing backend: {dial_error(target, error)}") from error
        chosen = answer.get(_VERSION.lower(), "")
        if chosen != _PROTOCOL:
            await connection.close()
            raise _Failed(f"unable to negotiate protocol: client supports [{_PROTOCOL}], server returned {chosen!r}")
        return Session(connection, client=True)

    async def _exchange(self, session: Session, channels: Mapping[Channel, str]) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(_run(session))
            try:
                await self._converse(session, channels)
            finally:
                await session.close()
                running.cancel()

    async def _converse(self, session: Session, channels: Mapping[Channel, str]) -> None:
        try:
            streams = await _open(session, channels)
        except OSError as error:
            with contextlib.suppress(ConnectionError):
                await self._finish(internal_error(f"unable to open the streams: {error or 'timed out'}"))
            return
        async with asyncio.TaskGroup() as group:
            ways = [group.create_task(self._output(streams)), group.create_task(self._input(streams))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()

    async def _output(self, streams: Mapping[Channel, Stream]) -> None:
        """Pass on what the command writes, then tell how it ended."""
        written = [channel for channel in (Channel.STDOUT, Channel.STDERR) if channel in streams]
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(*(self._pump(channel, streams[channel]) for channel in written))
            pieces = []
            while piece := await streams[Channel.ERROR].read():
                pieces.append(piece)
            await self._finish(outcome(b"".join(pieces)))

    async def _pump(self, channel: Channel, stream: Stream) -> None:
        while data := await stream.read():
            await self._tell(channel, data)

    async def _input(self, streams: Mapping[Channel, Stream]) -> None:
        """Pass on what the client sends, until it goes."""
        while (message := await self._socket.receive()) is not None:
            try:
                said = self._protocol.decode(message)
            except ValueError as error:
                logger.info("WebSocket client broke the channel protocol", extra={"error": str(error)})
                return
            stream = streams.get(said.channel) if said and said.channel in _FROM_CLIENT else None
            with contextlib.suppress(ConnectionError):  # the command may have closed its input
                if stream and isinstance(said, Close):
                    await stream.write_eof()
                elif stream and isinstance(said, Piece):
                    await stream.write(said.data)

    async def _finish(self, status: Object) -> None:
        """The last word: how the command ended, then a close in good order."""
        if self._protocol.json_status:
            await self._tell(Channel.ERROR, orjson.dumps(status))
        elif status["status"] != "Success":
            await self._tell(Channel.ERROR, status["message"].encode())
        await self._socket.close()

    async def _tell(self, channel: Channel, data: bytes) -> None:
        await self._socket.send(self._protocol.encode(channel, data))


async def _open(session: Session, channels: Mapping[Channel, str]) -> dict[Channel, Stream]:
    """Asked for in order, and answered all at once: an attached container writes meanwhile."""
    async with asyncio.timeout(_OPEN_TIMEOUT):
        streams = await asyncio.gather(*(session.open({"streamType": name}) for name in channels.values()))
    return dict(zip(channels, streams, strict=True))


async def _run(session: Session) -> None:
    try:
        await session.run()
    except SPDYError as error:  # the streams have been told that they are at their end
        logger.warning("the kubelet broke the SPDY protocol", extra={"error": str(error)})
