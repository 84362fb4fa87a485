"""Keeps the node's network up: whoever restarts a network manager or applies sysctls may take away what pods need.

The kernel tells of every change on a netlink socket; nothing is polled. Run inside the server process, beside the
components. Pods' own interfaces are not watched: they are the CNI plugin's. Format: linux/rtnetlink.h, linux/netconf.h.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sampan.cluster.network import ROUTE_PROTOCOL, Network, NetworkConfig, NetworkError

log = logging.getLogger(__name__)

PAUSE = 1.0  # seconds between two repairs: whoever insists must not keep this machine busy

_GROUPS = 0x10 | 0x40 | 1 << 23  # RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTNLGRP_IPV4_NETCONF as a bit
_DELETE_ADDRESS, _DELETE_ROUTE, _NEW_NETCONF = 21, 25, 80
_HEADER = struct.Struct("=IHHII")
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, prefix length, source's, tos, table, protocol, scope, type, flags
_RTA_DST = 1
_NETCONF_SIZE = 4  # the family, padded
_ATTRIBUTE = struct.Struct("=HH")
_IFA_LOCAL = 2
_NETCONFA_IFINDEX, _NETCONFA_FORWARDING = 1, 2
_ALL, _OFF = struct.pack("=i", -1), struct.pack("=i", 0)
_LOOPBACK = 1  # lo's number in every network namespace
_RECEIVE = 1 << 16


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


@contextmanager
def watching(config: NetworkConfig, lost: Callable[[], None]) -> Iterator[None]:
    """Within, `lost` is called when the gateway's address, a route of ours or IP forwarding has gone."""
    loop = asyncio.get_running_loop()
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    with socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE) as netlink:
        netlink.bind((0, _GROUPS))
        loop.add_reader(netlink, lambda: _read(netlink, config, lost))
        try:
            yield
        finally:
            loop.remove_reader(netlink)


def _read(netlink: socket.socket, config: NetworkConfig, lost: Callable[[], None]) -> None:
    try:
        data = netlink.recv(_RECEIVE)
    except BlockingIOError:
        return
    except OSError as error:  # ENOBUFS: news were dropped, so anything may have happened
        log.debug("news about the network were lost: %s", error)
        lost()
        return
    if tells_of_loss(data, config):
        lost()


def tells_of_loss(data: bytes, config: NetworkConfig) -> bool:
    """Whether netlink messages say that something is gone which this module keeps up."""
    while len(data) >= _HEADER.size:
        length, kind, _, _, _ = _HEADER.unpack_from(data)
        if length < _HEADER.size:
            return False
        if _is_loss(kind, data[_HEADER.size : length], config):
            return True
        data = data[(length + 3) & ~3 :]
    return False


def _is_loss(kind: int, body: bytes, config: NetworkConfig) -> bool:
    if kind == _DELETE_ROUTE:
        _, prefix, _, _, _, protocol, *_ = _ROUTE.unpack_from(body)
        destination = _attributes(body[_ROUTE.size :]).get(_RTA_DST, bytes(4))
        # other clusters' routes have the same protocol
        return protocol == int(ROUTE_PROTOCOL) and f"{socket.inet_ntoa(destination)}/{prefix}" in config.routed
    if kind == _DELETE_ADDRESS:
        *_, interface = _ADDRESS.unpack_from(body)
        local = _attributes(body[_ADDRESS.size :]).get(_IFA_LOCAL)
        return interface == _LOOPBACK and local == socket.inet_aton(config.gateway)
    if kind == _NEW_NETCONF:
        told = _attributes(body[_NETCONF_SIZE:])
        return told.get(_NETCONFA_IFINDEX) == _ALL and told.get(_NETCONFA_FORWARDING) == _OFF
    return False


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]
    return found
