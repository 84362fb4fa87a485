"""Notices when somebody else deletes our table: a firewall's reload is often `flush ruleset`.

The kernel tells every change of any table on a netlink group; nobody polls. Called by proxy.py.
Format: linux/netfilter/nf_tables.h.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

_NETLINK_NETFILTER = 12
_GROUP_NFTABLES = 1 << 6  # NFNLGRP_NFTABLES, as a bit
_NEW_TABLE, _DELETE_TABLE = 0x0A00, 0x0A02  # subsystem nftables, NFT_MSG_NEWTABLE and _DELTABLE
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NAME = 1
_FAMILY_SIZE = 4
_RECEIVE = 1 << 16


@contextmanager
def watching(table: str, lost: Callable[[], None]) -> Iterator[None]:
    """Within, `lost` is called whenever the table of family ip is deleted and not made anew at once."""
    loop = asyncio.get_running_loop()
    with socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, _NETLINK_NETFILTER
    ) as netlink:
        netlink.bind((0, _GROUP_NFTABLES))
        loop.add_reader(netlink, lambda: _read(netlink, table, lost))
        try:
            yield
        finally:
            loop.remove_reader(netlink)


def _read(netlink: socket.socket, table: str, lost: Callable[[], None]) -> None:
    there = True
    while True:
        try:
            data = netlink.recv(_RECEIVE)
        except BlockingIOError:
            break
        except OSError as error:  # ENOBUFS: a change so large that the kernel dropped its news; most likely our own
            log.debug("news about nftables were lost: %s", error)
            continue
        for deleted in table_events(data, table):
            there = not deleted
    if not there:
        lost()


def table_events(data: bytes, table: str) -> Iterator[bool]:
    """For each message about the table: whether it was deleted (else made)."""
    while len(data) >= _HEADER.size:
        length, kind, _, _, _ = _HEADER.unpack_from(data)
        if length < _HEADER.size:
            return
        if kind in (_NEW_TABLE, _DELETE_TABLE) and _is_about(data[_HEADER.size : length], table):
            yield kind == _DELETE_TABLE
        data = data[(length + 3) & ~3 :]


def _is_about(message: bytes, table: str) -> bool:
    if message[0] != socket.AF_INET:
        return False
    attributes = message[_FAMILY_SIZE:]
    while len(attributes) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(attributes)
        if kind == _NAME:
            return attributes[_ATTRIBUTE.size : length].rstrip(b"\0") == table.encode()
        if length < _ATTRIBUTE.size:
            break
        attributes = attributes[(length + 3) & ~3 :]
    return False
