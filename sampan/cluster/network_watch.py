"""Keeps the node's network up: whoever restarts a network manager or applies sysctls may take away what pods need.

The kernel tells of every change on a netlink socket; nothing is polled. Run inside the server process, beside the
components. Pods' own interfaces are not watched: they are the CNI plugin's. Format: linux/rtnetlink.h, linux/netconf.h.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from sampan.cluster.network import ROUTE_PROTOCOL, Network, NetworkConfig, NetworkError
from sampan.transport import netlink

log = logging.getLogger(__name__)

PAUSE = 1.0  # seconds between two repairs: whoever insists must not keep this machine busy

_GROUPS = 0x10 | 0x40 | 1 << 23  # RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTNLGRP_IPV4_NETCONF as a bit
_DELETE_ADDRESS, _DELETE_ROUTE, _NEW_NETCONF = 21, 25, 80
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, prefix length, source's, tos, table, protocol, scope, type, flags
_RTA_DST = 1
_NETCONF_SIZE = 4  # the family, padded
_IFA_LOCAL = 2
_NETCONFA_IFINDEX, _NETCONFA_FORWARDING = 1, 2
_ALL, _OFF = struct.pack("=i", -1), struct.pack("=i", 0)
_LOOPBACK = 1  # lo's number in every network namespace


async def keep_up(network: Network) -> None:
    """Bring the network up again whenever something of it is taken away; until cancelled."""
    lost = asyncio.Event()
    with watching(network.config, lost.set):
        while True:
            await lost.wait()
            lost.clear()
            log.warning("somebody removed an address or a route of the node's, or forwarding; it is set up again")
            try:
                await network.up()
            except (NetworkError, OSError) as error:
                log.error("the node's network can't be set up: %s", error)
                lost.set()
            await asyncio.sleep(PAUSE)


def watching(config: NetworkConfig, lost: Callable[[], None]) -> AbstractContextManager[None]:
    """Within, `lost` is called when the gateway's address, a route of ours or IP forwarding has gone."""

    def arrived(news: Iterator[bytes | OSError]) -> None:
        for data in news:
            if isinstance(data, OSError):  # news were dropped, so anything may have happened
                log.debug("news about the network were lost: %s", data)
                lost()
            elif tells_of_loss(data, config):
                lost()

    return netlink.listening(socket.NETLINK_ROUTE, _GROUPS, arrived)


def tells_of_loss(data: bytes, config: NetworkConfig) -> bool:
    """Whether netlink messages say that something is gone which this module keeps up."""
    return any(_is_loss(kind, body, config) for kind, body in netlink.messages(data))


def _is_loss(kind: int, body: bytes, config: NetworkConfig) -> bool:
    if kind == _DELETE_ROUTE:
        _, prefix, _, _, _, protocol, *_ = _ROUTE.unpack_from(body)
        destination = netlink.attributes(body[_ROUTE.size :]).get(_RTA_DST, bytes(4))
        # other clusters' routes have the same protocol
        return protocol == int(ROUTE_PROTOCOL) and f"{socket.inet_ntoa(destination)}/{prefix}" in config.routed
    if kind == _DELETE_ADDRESS:
        *_, interface = _ADDRESS.unpack_from(body)
        local = netlink.attributes(body[_ADDRESS.size :]).get(_IFA_LOCAL)
        return interface == _LOOPBACK and local == socket.inet_aton(config.gateway)
    if kind == _NEW_NETCONF:
        told = netlink.attributes(body[_NETCONF_SIZE:])
        return told.get(_NETCONFA_IFINDEX) == _ALL and told.get(_NETCONFA_FORWARDING) == _OFF
    return False
