"""IP addresses in fields: parsing as Go's net package does, and what an endpoint may have as address."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from sampan.kinds.checks import Errors
from sampan.machinery.validation import Path, invalid

IPAddress = IPv4Address | IPv6Address
NOT_AN_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
NOT_IPV4, NOT_IPV6 = "must be a valid IPv4 address", "must be a valid IPv6 address"
_LINK_LOCAL_MULTICAST = IPv6Network("ff02::/16")


def parse_ip(text: str) -> IPAddress | None:
    """The address, or None for what is none; zones (fe80::1%eth0) are not part of addresses in the API."""
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def is_ipv4(text: str) -> bool:
    """Whether the text is an IPv4 address."""
    return isinstance(parse_ip(text), IPv4Address)


def is_ipv6(text: str) -> bool:
    """Whether the text is an IPv6 address."""
    return isinstance(parse_ip(text), IPv6Address)


def ip(path: Path | str, text: str) -> Errors:
    """Any IP address."""
    if parse_ip(text) is None:
        yield invalid(path, text, NOT_AN_IP)


def same_family_twice(texts: Sequence[str]) -> bool:
    """Whether two of some addresses are of one family, so that they are no dual-stack pair."""
    families = [is_ipv6(text) for text in texts]
    return len(set(families)) != len(families)


def endpoint_ip(path: Path | str, text: str) -> Errors:
    """An address to which traffic may be sent: never the node itself or its link (ValidateEndpointIP)."""
    found = parse_ip(text)
    if found is None:
        yield invalid(path, text, NOT_AN_IP)
        return
    if found.is_unspecified:
        yield invalid(path, text, f"may not be unspecified ({text})")
    if found.is_loopback:
        yield invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if found.is_link_local:
        yield invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if _is_link_local_multicast(found):
        yield invalid(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


def _is_link_local_multicast(found: IPAddress) -> bool:
    if isinstance(found, IPv6Address):
        return found in _LINK_LOCAL_MULTICAST
    return found.packed[:3] == b"\xe0\x00\x00"


def host_port(host: str, port: int | str) -> str:
    """Address and port, with brackets around IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
