"""The channel protocols: several streams in one WebSocket, each message led by its stream's number.

After k8s.io/apimachinery/pkg/util/httpstream/wsstream and the remotecommand constants. Version 5 (KEP-4006) adds a
message by which the client closes one stream.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Channel(IntEnum):
    """The streams of exec and attach."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4


_CLOSE = 255  # version 5: the next byte names the stream that the client has closed


@dataclass(frozen=True, slots=True)
class ChannelProtocol:
    """One of the subprotocols that a client may offer."""

    name: str
    text: bool = False  # base64 in text messages, for clients that can't send binary ones
    json_status: bool = True  # the last word on the error channel is a Status, not a sentence
    closes: bool = False

    def encode(self, channel: Channel, data: bytes) -> bytes | str:
        """A message to the client."""
        if self.text:
            return str(int(channel)) + base64.b64encode(data).decode("ascii")
        return bytes([channel]) + data

    def decode(self, message: bytes | str) -> "Piece | Close | None":
        """What a client's message says; None for what is to be ignored. Raises ValueError where the connection can't go
        on."""
        data = message.encode() if isinstance(message, str) else message
        if not data:
            return None
        if self.closes and data[0] == _CLOSE:
            if len(data) != 2:
                raise ValueError("a close signal is followed by one byte")
            return Close(Channel(data[1]))
        number = data[0] - ord("0") if self.text else data[0]
        if number not in tuple(Channel):
            return None
        return Piece(Channel(number), _unpack(data[1:]) if self.text else data[1:])


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a stream."""

    channel: Channel
    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The client has closed its half of a stream."""

    channel: Channel


_PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        ChannelProtocol("v5.channel.k8s.io", closes=True),
        ChannelProtocol("v4.channel.k8s.io"),
        ChannelProtocol("v4.base64.channel.k8s.io", text=True),
        ChannelProtocol("channel.k8s.io", json_status=False),
        ChannelProtocol("base64.channel.k8s.io", text=True, json_status=False),
        ChannelProtocol("", json_status=False),
    )
}


def choose(offered: Iterable[str]) -> ChannelProtocol | None:
    """The first offer that is known; a client that offers nothing gets the oldest protocol."""
    names = list(offered) or [""]
    return next((_PROTOCOLS[name] for name in names if name in _PROTOCOLS), None)


def _unpack(data: bytes) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from error
