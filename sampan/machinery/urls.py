"""URLs as Go's net/url reads them: enough of its rules to tell what it refuses.

Called by structural/formats.py (format uri) and by kinds that hold URLs. Rules: url.ParseRequestURI.
"""

import re

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_ESCAPES = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USER = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*")
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:\[\]<>\"%\x80-\U0010ffff-]*")
_PORT = re.compile(r"(:[0-9]*)?")


def is_request_uri(value: str) -> bool:
    """Whether a text is an absolute URI or an absolute path."""
    if not value or re.search(r"[\x00-\x1f\x7f]", value):
        return False
    if value == "*":
        return True
    scheme = _SCHEME.match(value)
    rest = value[scheme.end() :] if scheme else value
    path = rest.partition("?")[0]
    if not path.startswith("/"):
        return scheme is not None
    if scheme and path.startswith("//"):
        authority, slash, path = path[2:].partition("/")
        if not _is_authority(authority):
            return False
        path = slash + path
    return _ESCAPES.search(path) is None


def _is_authority(authority: str) -> bool:
    user, at, host = authority.rpartition("@")
    if at and (not _USER.fullmatch(user) or _ESCAPES.search(user)):
        return False
    if not _HOST.fullmatch(host) or _ESCAPES.search(host):
        return False
    if host.startswith("["):
        _, closed, port = host.rpartition("]")
        return bool(closed) and _PORT.fullmatch(port) is not None
    _, colon, port = host.rpartition(":")
    return not colon or _PORT.fullmatch(colon + port) is not None
