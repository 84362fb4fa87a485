"""Whom to ask: the machine's resolvers as they are now, but never ourselves."""

import os
from pathlib import Path

import pytest

from sampan.dns.config import DNSConfig
from sampan.dns.resolvconf import Upstream, Upstreams, parse_resolv_conf, parse_upstream
from sampan.testing.clock import VirtualClock


def config(**extra: object) -> DNSConfig:
    base = {
        "listen": (("10.244.0.1", 53),),
        "service_cidr": "10.96.0.0/12",
        "pod_cidr": "10.244.0.0/16",
        "dns_ip": "10.96.0.10",
    }
    return DNSConfig(**base | extra)  # type: ignore[arg-type]


def test_nameservers_are_read_in_order() -> None:
    text = "# nameserver 1.1.1.1\nnameserver 192.0.2.1\nsearch a b\n nameserver\t::1 # local\nnameserver example.com\n"
    assert parse_resolv_conf(text) == [Upstream("192.0.2.1", 53), Upstream("::1", 53)]


def test_upstreams_may_name_a_port() -> None:
    assert parse_upstream("192.0.2.1:5353") == Upstream("192.0.2.1", 5353)
    assert parse_upstream("fd00::1") == Upstream("fd00::1", 53)
    with pytest.raises(ValueError, match="example"):
        parse_upstream("example.com:53")


def test_this_server_is_never_its_own_resolver() -> None:
    found = Upstreams(config(upstreams=("10.96.0.10", "192.0.2.1", "10.244.0.1")), VirtualClock())
    assert found.current() == [Upstream("192.0.2.1", 53)]


async def test_a_change_of_the_file_is_followed(tmp_path: Path) -> None:
    file, clock = tmp_path / "resolv.conf", VirtualClock()
    found = Upstreams(config(resolv_conf=file), clock)
    assert list(found.current()) == []
    file.write_text("nameserver 192.0.2.1\n")
    assert list(found.current()) == []  # looked at not long ago
    await clock.advance(6)
    assert found.current() == [Upstream("192.0.2.1", 53)]
    file.write_text("nameserver 192.0.2.2\n")
    os.utime(file, ns=(1, 1))
    await clock.advance(6)
    assert found.current() == [Upstream("192.0.2.2", 53)]
