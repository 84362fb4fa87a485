"""Ranges of IP addresses in fields: what is wrong with them. Rules: k8s.io/apimachinery/pkg/util/validation (ip.go).

Leading zeros were once let pass, so they have an error of their own.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from sampan.kinds.checks import Errors
from sampan.machinery.validation import Path, invalid

Network = IPv4Network | IPv6Network
NOT_A_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_ZEROS = re.compile(r"\b0+(?=[0-9])")


def parse_cidr(text: str) -> Network | None:
    """The range, also of a text with leading zeros or bits beyond the prefix; None for what is none."""
    address, slash, length = text.partition("/")
    if not slash or not length.isdecimal() or not length.isascii() or "%" in text:
        return None
    try:
        return ip_network(f"{_plain(address)}/{int(length)}", strict=False)
    except ValueError:
        return None


def cidr(path: Path, text: str) -> Errors:
    """A range in which nothing is ambiguous."""
    network = parse_cidr(text)
    if network is None:
        yield invalid(path, text, NOT_A_CIDR)
    elif _has_zeros(text):
        yield invalid(path, text, "must not have leading 0s in IP or prefix length")
    elif _is_mapped(network):
        yield invalid(path, text, "must not have an IPv4-mapped IPv6 address")
    elif not _is_exact(text):
        yield invalid(path, text, "must not have bits set beyond the prefix length")


def _plain(address: str) -> str:
    """An IPv4 address without leading zeros; in IPv6 they are allowed."""
    return address if ":" in address else _ZEROS.sub("", address)


def _has_zeros(text: str) -> bool:
    address, _, length = text.partition("/")
    return _plain(address) != address or str(int(length)) != length


def _is_exact(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def canonical_cidr(path: Path, text: str) -> Errors:
    """A range in its only form."""
    wrong = list(cidr(path, text))
    yield from wrong
    if not wrong and (form := str(parse_cidr(text))) != text:
        yield invalid(path, text, f'must be in canonical form ("{form}")')


def cidr_warnings(path: Path, text: str) -> Iterator[str]:
    """What a client should know of a range that was let pass: GetWarningsForCIDR."""
    if (network := parse_cidr(text)) is None:
        return
    found = []
    if not _is_exact(_plain_text(text)):
        single = f"{ip_address(_plain(text.partition('/')[0]))}/{network.max_prefixlen}"
        found.append(f'CIDR value "{text}" is ambiguous in this context (should be "{network}" or "{single}"?)')
    if _has_zeros(text) or _is_mapped(network):
        found.append(f'non-standard CIDR value "{text}" is invalid: use "{network}"')
    if not found and network.version == 6 and str(network) != text:
        found.append(f'IPv6 CIDR value "{text}" should be in RFC 5952 canonical format ("{network}")')
    yield from (f"{path}: {warning}" for warning in found)


def _plain_text(text: str) -> str:
    address, _, length = text.partition("/")
    return f"{_plain(address)}/{int(length)}"


def _is_mapped(network: Network) -> bool:
    return isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None
