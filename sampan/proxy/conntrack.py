"""Forgets UDP flows that lead to endpoints of the past.

Address translation is decided at a flow's first packet and kept while packets come. A TCP connection to an endpoint
that is gone breaks and is made anew; a UDP client that goes on sending would lose every packet. So flows whose endpoint
is no more among its Service's are deleted: over netlink, as the `conntrack` tool may not be there. Called by proxy.py.
Format: linux/netfilter/nfnetlink_conntrack.h.
"""

import errno
import socket
import struct
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from sampan.proxy.endpoints import Endpoint
from sampan.transport import netlink

_GET, _DELETE = 0x0101, 0x0102  # subsystem ctnetlink, IPCTNL_MSG_CT_GET and _DELETE
_TUPLE_ORIG, _TUPLE_REPLY, _ID = 1, 2, 12
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_V4_SRC, _V4_DST = 1, 2
_PROTO_NUM, _SRC_PORT, _DST_PORT = 1, 2, 3
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
    with netlink.connection(netlink.NETFILTER) as opened:
        found = stale(list(_flows(opened)), changes, node_ips)
        for flow in found:
            _delete(opened, flow)
    return len(found)


def _flows(opened: socket.socket) -> Iterator[Flow]:
    for body in netlink.ask(opened, _GET, netlink.DUMP, _FAMILY):
        if flow := _parse(body):
            yield flow


def _delete(opened: socket.socket, flow: Flow) -> None:
    try:
        list(netlink.ask(opened, _DELETE, netlink.ACK, _FAMILY + flow.name))
    except OSError as error:
        if error.errno != errno.ENOENT:  # it has ended by itself
            raise


def _parse(message: bytes) -> Flow | None:
    """The flow of a dumped entry; None for what is not UDP."""
    attributes = netlink.attributes(message[len(_FAMILY) :])
    sent, answered = _tuple(attributes[_TUPLE_ORIG]), _tuple(attributes[_TUPLE_REPLY])
    if sent is None or answered is None:
        return None
    name = netlink.attribute(_TUPLE_ORIG | netlink.NESTED, attributes[_TUPLE_ORIG])
    if _ID in attributes:
        name += netlink.attribute(_ID, attributes[_ID])  # so that a flow which has just begun anew is left alone
    return Flow((sent[1].ip, sent[1].port), answered[0], name)


def _tuple(data: bytes) -> tuple[Endpoint, Endpoint] | None:
    """(source, destination) of a tuple attribute; None unless it is UDP."""
    parts = netlink.attributes(data)
    address, protocol = netlink.attributes(parts.get(_TUPLE_IP, b"")), netlink.attributes(parts.get(_TUPLE_PROTO, b""))
    if protocol.get(_PROTO_NUM) != _UDP or _V4_SRC not in address:
        return None
    ports = (struct.unpack("!H", protocol[kind])[0] for kind in (_SRC_PORT, _DST_PORT))
    source, destination = (
        Endpoint(socket.inet_ntoa(address[k]), p) for k, p in zip((_V4_SRC, _V4_DST), ports, strict=True)
    )
    return source, destination
