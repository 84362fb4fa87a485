"""Notices when somebody else deletes our table: a firewall's reload is often `flush ruleset`.

The kernel tells every change of any table on a netlink group; nobody polls. Called by proxy.py.
Format: linux/netfilter/nf_tables.h.
"""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from sampan.transport import netlink

log = logging.getLogger(__name__)

_GROUP_NFTABLES = 1 << 6  # NFNLGRP_NFTABLES, as a bit
_NEW_TABLE, _DELETE_TABLE = 0x0A00, 0x0A02  # subsystem nftables, NFT_MSG_NEWTABLE and _DELTABLE
_NAME = 1
_FAMILY_SIZE = 4


def watching(table: str, lost: Callable[[], None]) -> AbstractContextManager[None]:
    """Within, `lost` is called whenever the table of family ip is deleted and not made anew at once."""

    def arrived(news: Iterator[bytes | OSError]) -> None:
        there = True
        for data in news:
            if isinstance(data, OSError):  # a change so large that the kernel dropped its news; most likely our own
                log.debug("news about nftables were lost: %s", data)
                continue
            for deleted in table_events(data, table):
                there = not deleted
        if not there:
            lost()

    return netlink.listening(netlink.NETFILTER, _GROUP_NFTABLES, arrived)


def table_events(data: bytes, table: str) -> Iterator[bool]:
    """For each message about the table: whether it was deleted (else made)."""
    for kind, body in netlink.messages(data):
        if kind in (_NEW_TABLE, _DELETE_TABLE) and _is_about(body, table):
            yield kind == _DELETE_TABLE


def _is_about(message: bytes, table: str) -> bool:
    if message[:1] != bytes([socket.AF_INET]):
        return False
    return netlink.attributes(message[_FAMILY_SIZE:]).get(_NAME, b"").rstrip(b"\0") == table.encode()
