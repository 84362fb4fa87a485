"""Forgets UDP flows that lead to endpoints of the past.

Address translation is decided at a flow's first packet and kept while packets come. A TCP connection to an endpoint
that is gone breaks and is made anew; a UDP client that goes on sending would lose every packet. So flows whose endpoint
is no more among its Service's are deleted: over netlink, as the `conntrack` tool may not be there. Called by proxy.py.
Format: linux/netfilter/nfnetlink_conntrack.h.
"""

import errno
import os
import socket
import struct
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from sampan.proxy.endpoints import Endpoint

_NETLINK_NETFILTER = 12
_GET, _DELETE = 0x0101, 0x0102  # subsystem ctnetlink, IPCTNL_MSG_CT_GET and _DELETE
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 2, 3
_TUPLE_ORIG, _TUPLE_REPLY, _ID = 1, 2, 12
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_V4_SRC, _V4_DST = 1, 2
_PROTO_NUM, _SRC_PORT, _DST_PORT = 1, 2, 3
_NESTED = 0x8000
_HEADER = struct.Struct("=IHHII")
_FAMILY = struct.pack("=BBH", socket.AF_INET, 0, 0)
_UDP = b"\x11"


class Flow(NamedTuple):
    """A UDP flow as the client sees it and as it is answered."""

    frontend: tuple[str, int]  # the address and port that the client sends to
    answered_by: Endpoint
    name: bytes  # the attributes by which the kernel finds it


def stale(
    flows: Collection[Flow], changes: Mapping[tuple[str, int], frozenset[Endpoint]], node_ips: Collection[str]
) -> list[Flow]:
    """The flows of changed frontends that lead to none of their endpoints. "" as address is a node's own."""
    found = []
    for flow in flows:
        serving = changes.get(flow.frontend)
        if serving is None and flow.frontend[0] in node_ips:
            serving = changes.get(("", flow.frontend[1]))
        if serving is not None and flow.answered_by not in serving:
            found.append(flow)
    return found


def forget_stale(changes: Mapping[tuple[str, int], frozenset[Endpoint]], node_ips: Collection[str]) -> int:
    """Delete the stale flows of these frontends and return their number. Raises OSError. Blocks for a moment."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER) as netlink:
        found = stale(list(_flows(netlink)), changes, node_ips)
        for flow in found:
            _delete(netlink, flow)
    return len(found)


def _flows(netlink: socket.socket) -> Iterator[Flow]:
    netlink.send(_message(_GET, _REQUEST | _DUMP, b""))
    for body in _answers(netlink):
        if flow := _parse(body):
            yield flow


def _delete(netlink: socket.socket, flow: Flow) -> None:
    netlink.send(_message(_DELETE, _REQUEST | _ACK, flow.name))
    try:
        list(_answers(netlink))
    except OSError as error:
        if error.errno != errno.ENOENT:  # it has ended by itself
            raise


def _message(kind: int, flags: int, attributes: bytes) -> bytes:
    body = _FAMILY + attributes
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body


def _answers(netlink: socket.socket) -> Iterator[bytes]:
    """The messages of an answer up to its end; raises the OSError that the kernel reports."""
    while True:
        data = netlink.recv(1 << 18)
        while len(data) >= _HEADER.size:
            length, kind, _, _, _ = _HEADER.unpack_from(data)
            body, data = data[_HEADER.size : length], data[(length + 3) & ~3 :]
            if kind == _DONE:
                return
            if kind == _ERROR:
                code = -struct.unpack_from("=i", body)[0]
                if code:
                    raise OSError(code, os.strerror(code))
                return
            yield body


def _parse(message: bytes) -> Flow | None:
    """The flow of a dumped entry; None for what is not UDP."""
    attributes = _attributes(message[len(_FAMILY) :])
    sent, answered = _tuple(attributes[_TUPLE_ORIG]), _tuple(attributes[_TUPLE_REPLY])
    if sent is None or answered is None:
        return None
    name = _attribute(_TUPLE_ORIG | _NESTED, attributes[_TUPLE_ORIG])
    if _ID in attributes:
        name += _attribute(_ID, attributes[_ID])  # so that a flow which has just begun anew is left alone
    return Flow((sent[1].ip, sent[1].port), answered[0], name)


def _tuple(data: bytes) -> tuple[Endpoint, Endpoint] | None:
    """(source, destination) of a tuple attribute; None unless it is UDP."""
    parts = _attributes(data)
    address, protocol = _attributes(parts.get(_TUPLE_IP, b"")), _attributes(parts.get(_TUPLE_PROTO, b""))
    if protocol.get(_PROTO_NUM) != _UDP or _V4_SRC not in address:
        return None
    ports = (struct.unpack("!H", protocol[kind])[0] for kind in (_SRC_PORT, _DST_PORT))
    source, destination = (
        Endpoint(socket.inet_ntoa(address[k]), p) for k, p in zip((_V4_SRC, _V4_DST), ports, strict=True)
    )
    return source, destination


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[4:length]
        data = data[(length + 3) & ~3 :]
    return found


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", len(data) + 4, kind) + data + b"\0" * (-len(data) % 4)
