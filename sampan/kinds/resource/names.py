"""Names of devices, pools, attributes and capacities.

Rules and texts: k8s.io/kubernetes/pkg/apis/resource/validation.
"""

import re

from sampan.kinds.checks import Errors
from sampan.machinery.names import regex_text
from sampan.machinery.validation import Path, check, dns_label, dns_subdomain, invalid, required, too_long

DOMAIN = "io.k8s.api.resource.v1."
GROUP = "resource.k8s.io"
CLAIM_FINALIZER = "resource.kubernetes.io/delete-protection"  # of claims that have devices
_MAX_POOL, _MAX_DOMAIN, _MAX_IDENTIFIER = 253, 63, 32
_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_is_identifier = re.compile(_IDENTIFIER, re.ASCII).fullmatch
_is_uid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_IDENTIFIER_TEXT = regex_text(
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters "
    "or '_'",
    _IDENTIFIER,
    *("my_name", "MY_NAME", "MyName"),
)
_NOT_FULL = "a fully qualified name must be a domain and a name separated by a slash"


def device_name(name: str, path: Path) -> Errors:
    """The name of a device within its pool, or of a request within its claim."""
    yield from check(path, name, dns_label(name))


def pool_name(name: str, path: Path) -> Errors:
    """Domains, separated by slashes."""
    if not name:
        yield required(path)
        return
    if _size(name) > _MAX_POOL:
        yield too_long(path, _MAX_POOL)
    for part in name.split("/"):
        yield from check(path, part, dns_subdomain(part))


def share_id(uid: str | None, path: Path) -> Errors:
    """Which share of a device that several claims have."""
    if uid is not None and not _is_uid(uid):
        yield invalid(path, uid, "must be a lowercase UUID in 8-4-4-4-12 format")


def qualified(name: str, path: Path) -> Errors:
    """An identifier, with the domain of whoever defines it or without: then its driver does."""
    parts = name.split("/")
    if len(parts) == 1:
        yield from _identifier(name, path)
    elif len(parts) == 2:
        domain, identifier = parts
        if not domain:
            yield invalid(path, "", "the domain must not be empty")
        else:
            yield from _domain(domain, path)
        if not identifier:
            yield invalid(path, "", "the name must not be empty")
        else:
            yield from _identifier(identifier, path)


def fully_qualified(name: str | None, path: Path) -> Errors:
    """The same, with a domain."""
    if not name:
        return
    yield from qualified(name, path)
    if "/" not in name:
        yield invalid(path, name, _NOT_FULL)


def _domain(domain: str, path: Path) -> Errors:
    if _size(domain) > _MAX_DOMAIN:
        yield too_long(path, _MAX_DOMAIN)
    yield from check(path, domain, dns_subdomain(domain.lower()))


def _identifier(name: str, path: Path) -> Errors:
    if _size(name) > _MAX_IDENTIFIER:
        yield too_long(path, _MAX_IDENTIFIER)
    if not _is_identifier(name):
        yield invalid(path, name, _IDENTIFIER_TEXT)


def shortened(key: str) -> str:
    """A key of attributes or capacities as paths of errors show it: cut in the middle where it is too long."""
    most = _MAX_DOMAIN + 1 + _MAX_IDENTIFIER
    if len(key) <= most:
        return key
    rest = most - 3
    return f"{key[: (rest + 1) // 2]}...{key[-(rest // 2) :]}"


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))
