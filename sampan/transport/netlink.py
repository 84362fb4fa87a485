"""Netlink: messages to and from the kernel, their attributes, and news as they come. Knows no family's meaning.

The `conntrack` and `ip` tools may not be there, and a library would load what nobody needs for three kinds of message.
Called by proxy/ and cluster/. Format: linux/netlink.h, RFC 3549.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NETFILTER = 12
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300  # flags of a message
NESTED = 0x8000  # flag of an attribute's kind
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_KIND = 0x3FFF  # of an attribute, without its flags
_RECEIVE = 1 << 18


def connection(protocol: int, flags: int = 0) -> socket.socket:
    """A socket to the kernel; raises OSError."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | flags, protocol)


@contextmanager
def listening(protocol: int, groups: int, arrived: Callable[[Iterator[bytes | OSError]], None]) -> Iterator[None]:
    """Within, `arrived` is called with what has come from these multicast groups (a bit each).

    An error among it is ENOBUFS: the kernel dropped news, so that anything may have happened.
    """
    loop = asyncio.get_running_loop()
    with connection(protocol, socket.SOCK_NONBLOCK) as opened:
        opened.bind((0, groups))
        loop.add_reader(opened, lambda: arrived(_waiting(opened)))
        try:
            yield
        finally:
            loop.remove_reader(opened)


def ask(opened: socket.socket, kind: int, flags: int, body: bytes) -> Iterator[bytes]:
    """The bodies of the answer to a request, up to its end; raises the OSError that the kernel reports. Blocks."""
    opened.send(message(kind, flags | REQUEST, body))
    while True:
        for kind_, answer in messages(opened.recv(_RECEIVE)):
            if kind_ == _DONE:
                return
            if kind_ == _ERROR:
                if code := -struct.unpack_from("=i", answer)[0]:
                    raise OSError(code, os.strerror(code))
                return
            yield answer


def message(kind: int, flags: int, body: bytes) -> bytes:
    """One message."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The kind and body of each message; what is cut off ends them."""
    while len(data) >= _HEADER.size:
        length, kind, _, _, _ = _HEADER.unpack_from(data)
        if not _HEADER.size <= length <= len(data):
            return
        yield kind, data[_HEADER.size : length]
        data = data[_aligned(length) :]


def attribute(kind: int, data: bytes) -> bytes:
    """One attribute."""
    return _ATTRIBUTE.pack(len(data) + _ATTRIBUTE.size, kind) + data + b"\0" * (-len(data) % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by kind, without its flags; what is cut off ends them."""
    found: dict[int, bytes] = {}
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if not _ATTRIBUTE.size <= length <= len(data):
            break
        found[kind & _KIND] = data[_ATTRIBUTE.size : length]
        data = data[_aligned(length) :]
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _waiting(opened: socket.socket) -> Iterator[bytes | OSError]:
    while True:
        try:
            yield opened.recv(_RECEIVE)
        except BlockingIOError:
            return
        except OSError as error:
            yield error
