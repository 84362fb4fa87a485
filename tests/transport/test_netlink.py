"""Talking to the kernel."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.transport import netlink

_GET_LINK, _NAME, _LINK = 18, 3, struct.Struct("=BxHiII")


def test_a_dump_comes_whole() -> None:
    with netlink.connection(socket.NETLINK_ROUTE) as opened:
        links = list(netlink.ask(opened, _GET_LINK, netlink.DUMP, _LINK.pack(0, 0, 0, 0, 0)))
    assert b"lo\0" in [netlink.attributes(link[_LINK.size :])[_NAME] for link in links]


def test_what_the_kernel_refuses_is_an_error() -> None:
    with netlink.connection(socket.NETLINK_ROUTE) as opened, pytest.raises(OSError, match="No such device"):
        list(netlink.ask(opened, _GET_LINK, netlink.ACK, _LINK.pack(0, 0, 1 << 30, 0, 0)))


def test_messages_and_attributes_are_read_as_they_are_written() -> None:
    body = netlink.attribute(1 | netlink.NESTED, netlink.attribute(2, b"abc")) + netlink.attribute(3, b"")
    data = netlink.message(7, 0, body) + netlink.message(8, 0, b"")
    assert list(netlink.messages(data)) == [(7, body), (8, b"")]
    assert netlink.attributes(body) == {1: netlink.attribute(2, b"abc"), 3: b""}


@given(st.binary(max_size=64), st.integers(0, 40))
def test_what_is_cut_off_ends_it(noise: bytes, cut: int) -> None:
    data = netlink.message(7, 0, netlink.attribute(1, b"x"))
    assert next(netlink.messages((data + noise)[: len(data) + cut])) == (7, netlink.attribute(1, b"x"))
    assert list(netlink.messages(data[: min(cut, len(data) - 1)])) == []
    netlink.attributes(noise)
