"""The rules for names, label keys and values, ports: pure checks of one string or number.

Each check returns what is wrong, in upstream's words; an empty list means that the value is good. Which rule applies to
which field is decided in metadata.py and in the kinds' files. Rules and texts: k8s.io/apimachinery/pkg/util/validation
and the documentation page "Object Names and IDs".
"""

import re
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from sampan.machinery.remember import remembered

Check = Callable[[str], list[str]]

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_SUBDOMAIN_MATCHED = _SUBDOMAIN + "+"  # possessive: the same, without remembering every label of a long text
_DNS_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = rf"({_QUALIFIED})?"
_CONFIG_KEY = r"[-._a-zA-Z0-9]+"
_PERCENT = r"[0-9]+%"
_HTTP_HEADER = r"[-A-Za-z0-9]+"

EMPTY = "must be non-empty"
_BETWEEN_PORTS = "must be between 1 and 65535, inclusive"


def too_long(limit: int, unit: str = "bytes") -> str:
    """The text for a string of more than `limit` bytes; upstream calls them characters for DNS names."""
    return f"must be no more than {limit} {unit}"


def regex_text(message: str, pattern: str, *examples: str) -> str:
    """A message with the pattern that it explains: validation.RegexError."""
    if not examples:
        return f"{message} (regex used for validation is '{pattern}')"
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{pattern}')"


_LABEL_TEXT = regex_text(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character",
    _LABEL,
    "my-name",
    "123-abc",
)
_SUBDOMAIN_TEXT = regex_text(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character",
    _SUBDOMAIN,
    "example.com",
)
_DNS_1035_TEXT = regex_text(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character",
    _DNS_1035,
    "my-name",
    "abc-123",
)
_QUALIFIED_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_QUALIFIED_TEXT = regex_text(_QUALIFIED_RULE, _QUALIFIED, "MyName", "my.name", "123-abc")
_QUALIFIED_FORM_TEXT = (
    f"a valid label key {_QUALIFIED_TEXT} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
)
_LABEL_VALUE_TEXT = regex_text(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character",
    _LABEL_VALUE,
    "MyValue",
    "my_value",
    "12345",
)
_CONFIG_KEY_TEXT = regex_text(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY,
    "key.name",
    "KEY_NAME",
    "key-name",
)
_PERCENT_TEXT = regex_text(
    "a valid percent string must be a numeric string followed by an ending '%'", _PERCENT, "1%", "93%"
)
_HTTP_HEADER_TEXT = regex_text(
    "a valid HTTP header must consist of alphanumeric characters or '-'", _HTTP_HEADER, "X-Header-Name"
)
_ENV_NAME_TEXT = "a valid environment variable name must consist only of printable ASCII characters other than '='"


def _rule(pattern: str, text: str, limit: int, unit: str = "characters") -> Check:
    matches = re.compile(pattern).fullmatch

    @remembered(4096)
    def wrong(value: str) -> tuple[str, ...]:
        found = [too_long(limit, unit)] if len(value.encode(errors="replace")) > limit else []
        return tuple(found if matches(value) else [*found, text])

    return lambda value: list(wrong(value))


_dns_label_form = _rule(_LABEL, _LABEL_TEXT, 63)
_is_subdomain = re.compile(_SUBDOMAIN_MATCHED).fullmatch
dns_subdomain = _rule(_SUBDOMAIN_MATCHED, _SUBDOMAIN_TEXT, 253)
dns_1035_label = _rule(_DNS_1035, _DNS_1035_TEXT, 63)
label_value = _rule(_LABEL_VALUE, _LABEL_VALUE_TEXT, 63, "bytes")
percent = _rule(_PERCENT, _PERCENT_TEXT, 20)  # upstream takes more digits, and fails when it uses them
http_header_name = _rule(_HTTP_HEADER, _HTTP_HEADER_TEXT, 2**31)
_config_key_form = _rule(_CONFIG_KEY, _CONFIG_KEY_TEXT, 253)
_name_part = re.compile(_QUALIFIED).fullmatch


def dns_label(value: str) -> list[str]:
    """What is wrong with one label of a DNS name (RFC 1123), as namespaces and containers are named."""
    found = _dns_label_form(value)
    if found and found[-1] == _LABEL_TEXT and _is_subdomain(value):
        found[-1] = "must not contain dots"
    return found


def qualified_name(value: str) -> list[str]:
    """What is wrong with `[prefix/]name`, as label keys, annotation keys and finalizers must be."""
    prefix, slash, name = value.rpartition("/")
    if "/" in prefix:
        return [_QUALIFIED_FORM_TEXT]
    found: list[str] = []
    if slash:
        wrong = dns_subdomain(prefix) if prefix else [EMPTY]
        found += [f"prefix part {text}" for text in wrong]
    if not name:
        return [*found, f"name part {EMPTY}", f"name part {_QUALIFIED_TEXT}"]
    if len(name.encode(errors="replace")) > 63:
        found.append(f"name part {too_long(63)}")
    if not _name_part(name):
        found.append(f"name part {_QUALIFIED_TEXT}")
    return found


def path_segment(value: str) -> list[str]:
    """What keeps a name from being one segment of a URL path: the rule for RBAC names."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{char}'" for char in "/%" if char in value]


def config_key(value: str) -> list[str]:
    """What is wrong with a key of a ConfigMap or Secret."""
    found = _config_key_form(value)
    if value in (".", ".."):
        found.append(f"must not be '{value}'")
    elif value.startswith(".."):
        found.append("must not start with '..'")
    return found


def env_var_name(value: str) -> list[str]:
    """What is wrong with the name of an environment variable (KEP-4369)."""
    if not value:
        return [f"environment variable name {EMPTY}"]
    good = all(" " <= char <= "~" and char != "=" for char in value)
    return [] if good else [_ENV_NAME_TEXT]


def port_name(value: str) -> list[str]:
    """What is wrong with an IANA service name, as container ports are named (RFC 6335)."""
    found = [too_long(15, "characters")] if len(value.encode(errors="replace")) > 15 else []
    if not re.fullmatch(r"[-a-z0-9]+", value):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search(r"[a-z]", value):
        found.append("must contain at least one letter (a-z)")
    if "--" in value:
        found.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        found.append("must not begin or end with a hyphen")
    return found


def port_number(value: int) -> list[str]:
    """What is wrong with a port number."""
    return [] if 1 <= value <= 65535 else [_BETWEEN_PORTS]


def ip_address_name(value: str) -> list[str]:
    """What keeps a name from being an IP address in its only form, as IPAddress objects are named."""
    try:
        address = ip_address(value)
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    if "%" in value:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return ["must not be an IPv4-mapped IPv6 address"]
    return [] if str(address) == value else [f'must be in canonical form ("{address}")']


NAME_RULES: dict[str, Check] = {
    "dns-subdomain": dns_subdomain,
    "dns-label": dns_label,
    "dns-1035-label": dns_1035_label,
    "path-segment": path_segment,
    "ip-address": ip_address_name,
    "config-key": config_key,
}
