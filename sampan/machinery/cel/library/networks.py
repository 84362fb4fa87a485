"""IP addresses and CIDRs. Upstream: apiserver pkg/cel/library/ip.go and cidr.go; Go's net/netip for what they are."""

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sampan.machinery.cel.errors import EvaluationError, no_such_overload
from sampan.machinery.cel.functions import Library, overload
from sampan.machinery.cel.values import Extension

_SINCE = (1, 30)
_BITS = re.compile(r"0|[1-9][0-9]{0,2}", re.ASCII)
_LINK_LOCAL_MULTICAST = (ipaddress.ip_network("224.0.0.0/24"), ipaddress.ip_network("ff02::/16"))
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Ip(Extension):
    """An address."""

    address: Address

    name = "net.IP"

    @property
    def cost_size(self) -> int:
        """Its bytes."""
        return self.address.max_prefixlen // 8


@dataclass(frozen=True, slots=True)
class Cidr(Extension):
    """An address with the length of its prefix; the bits after the prefix may be set."""

    address: Address
    bits: int

    name = "net.CIDR"

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        """The network."""
        return ipaddress.ip_network((self.address, self.bits), strict=False)

    @property
    def cost_size(self) -> int:
        """The bytes of its prefix."""
        return math.ceil(self.bits / 8)

    def __str__(self) -> str:
        return f"{_text(self.address)}/{self.bits}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _address(text: str, otherwise: str) -> Address:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise EvaluationError(otherwise) from None
    if "%" in text:
        raise EvaluationError(f"IP address {_quoted(text)} with zone value is not allowed")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise EvaluationError(f"IPv4-mapped IPv6 address {_quoted(text)} is not allowed")
    return address


def _parse_ip(text: str) -> Ip:
    wrong = f"IP Address {_quoted(text)} parse error during conversion from string: ParseAddr({_quoted(text)}): "
    return Ip(_address(text, wrong + _reason(text)))


def _reason(text: str) -> str:
    """Why Go's netip.ParseAddr refuses a text, in the commonest cases."""
    if "." not in text and ":" not in text:
        return "unable to parse IP"
    if ":" in text:
        return "unexpected character"
    parts = text.split(".")
    if any(not part.isdigit() for part in parts):
        return "unexpected character" if all(parts) else "IPv4 field must have at least one digit"
    if any(int(part) > 255 for part in parts):
        return "IPv4 field has value >255"
    if len(parts) != 4:
        return "IPv4 address too short" if len(parts) < 4 else "IPv4 address too long"
    return "IPv4 field has octet with leading zero"


def _parse_cidr(text: str) -> Cidr:
    prefix = "network address parse error during conversion from string: "
    address, slash, bits = text.partition("/")
    wrong = f"{prefix}{prefix}netip.ParsePrefix({_quoted(text)}): "
    if not slash:
        raise EvaluationError(f"{wrong}no '/'")
    try:
        parsed = _address(address, f"{wrong}ParseAddr({_quoted(address)}): {_reason(address)}")
    except EvaluationError as error:
        if "not allowed" not in str(error):
            raise
        if "mapped" in str(error):
            wrong = f"{prefix}IPv4-mapped IPv6 address {_quoted(text)} is not allowed"
        else:
            wrong = f"{wrong}IPv6 zones cannot be present in a prefix"
        raise EvaluationError(wrong) from None
    if not _BITS.fullmatch(bits):
        raise EvaluationError(f"{wrong}bad bits after slash: {_quoted(bits)}")
    if int(bits) > parsed.max_prefixlen:
        raise EvaluationError(f"{wrong}prefix length out of range")
    return Cidr(parsed, int(bits))


def _succeeds(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def test(text: str) -> bool:
        try:
            parse(text)
        except EvaluationError:
            return False
        return True

    return test


def _text(address: Address) -> str:
    """As Go writes it: an embedded IPv4 address is not shown as one."""
    return str(address)


def _link_local_multicast(ip: Ip) -> bool:
    return any(ip.address in network for network in _LINK_LOCAL_MULTICAST if network.version == ip.address.version)


def _global_unicast(ip: Ip) -> bool:
    address = ip.address
    broadcast = address.version == 4 and int(address) == 2**32 - 1
    others = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    return not (others or broadcast)


def _contains(cidr: Cidr, address: Address) -> bool:
    return cidr.address.version == address.version and address in cidr.network


def _contains_text(cidr: Cidr, text: str) -> bool:
    return _contains(cidr, _operand(_parse_ip, text).address)


def _operand(parse: Callable[[str], Any], text: str) -> Any:
    """A text that is no address is an operand of the wrong type, upstream finds."""
    try:
        return parse(text)
    except EvaluationError:
        raise no_such_overload() from None


def _contains_cidr_text(cidr: Cidr, text: str) -> bool:
    return _contains_cidr(cidr, _operand(_parse_cidr, text))


def _contains_cidr(cidr: Cidr, other: Cidr) -> bool:
    return _contains(cidr, other.address) and cidr.bits <= other.bits


NETWORKS = Library(
    "networks",
    (
        overload("ip(string) -> net.IP", _parse_ip, since=_SINCE),
        overload("isIP(string) -> bool", _succeeds(_parse_ip), since=_SINCE),
        overload("ip.isCanonical(string) -> bool", lambda text: _text(_parse_ip(text).address) == text, since=_SINCE),
        overload("string(net.IP) -> string", lambda ip: _text(ip.address), since=_SINCE),
        overload("net.IP.family() -> int", lambda ip: ip.address.version, since=_SINCE),
        overload("net.IP.isUnspecified() -> bool", lambda ip: ip.address.is_unspecified, since=_SINCE),
        overload("net.IP.isLoopback() -> bool", lambda ip: ip.address.is_loopback, since=_SINCE),
        overload("net.IP.isLinkLocalMulticast() -> bool", _link_local_multicast, since=_SINCE),
        overload("net.IP.isLinkLocalUnicast() -> bool", lambda ip: ip.address.is_link_local, since=_SINCE),
        overload("net.IP.isGlobalUnicast() -> bool", _global_unicast, since=_SINCE),
        overload("cidr(string) -> net.CIDR", _parse_cidr, since=_SINCE),
        overload("isCIDR(string) -> bool", _succeeds(_parse_cidr), since=_SINCE),
        overload("string(net.CIDR) -> string", str, since=_SINCE),
        overload("net.CIDR.containsIP(string) -> bool", _contains_text, since=_SINCE),
        overload("net.CIDR.containsIP(net.IP) -> bool", lambda a, b: _contains(a, b.address), since=_SINCE),
        overload("net.CIDR.containsCIDR(string) -> bool", _contains_cidr_text, since=_SINCE),
        overload("net.CIDR.containsCIDR(net.CIDR) -> bool", _contains_cidr, since=_SINCE),
        overload("net.CIDR.ip() -> net.IP", lambda cidr: Ip(cidr.address), since=_SINCE),
        overload("net.CIDR.prefixLength() -> int", lambda cidr: cidr.bits, since=_SINCE),
        overload(
            "net.CIDR.masked() -> net.CIDR",
            lambda cidr: Cidr(cidr.network.network_address, cidr.bits),
            since=_SINCE,
        ),
    ),
    ("net.IP", "net.CIDR"),
)
