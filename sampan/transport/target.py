"""Request targets: from what stands in the request line to a path and a query (RFC 9112 section 3.2)."""

import re
from urllib.parse import unquote_to_bytes

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)
_AUTHORITY = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


def split_target(target: str) -> tuple[str, str]:
    """The path as sent and the query of an origin-form or absolute-form target; raises ValueError.

    `OPTIONS *` asks about a server as a whole, for which ours have no answer.
    """
    if "#" in target:
        raise ValueError("a request target has no fragment")
    if target[:1] != "/":
        absolute = _AUTHORITY.match(target)
        if not absolute:
            raise ValueError("malformed request target")
        target = target[absolute.end() :]
    path, _, query = target.partition("?")
    return path or "/", query


def decode_path(path: str) -> str:
    """Percent-decode once; "%2f" stays, so that an encoded slash can't pose as a separator. Raises ValueError."""
    if "%" not in path:
        return path
    if _BAD_ESCAPE.search(path):
        raise ValueError("invalid percent-encoding in the path")
    pieces = (unquote_to_bytes(piece).decode("utf-8") for piece in _ENCODED_SLASH.split(path))
    return "%2f".join(pieces)
