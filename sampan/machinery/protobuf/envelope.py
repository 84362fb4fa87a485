"""What is around a message: `k8s\\0` and a runtime.Unknown for objects, lists of messages, frames of a watch.

Rules: k8s.io/apimachinery, pkg/runtime/serializer/protobuf (the magic, Unknown, length-delimited frames) and
pkg/apis/meta/v1 (WatchEvent). Bodies are read here, too; everything that raises is a BadRequest.
"""

from typing import Any

import orjson

from sampan.machinery.errors import BadRequest
from sampan.machinery.meta import Object
from sampan.machinery.protobuf.decoding import decoder
from sampan.machinery.protobuf.messages import message_of
from sampan.machinery.protobuf.wire import SIZED, Malformed, key, read_size, read_varint, sized, skip, varint
from sampan.machinery.tree import is_too_deep

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
_SHOWN_MAGIC = "[" + " ".join(map(str, MAGIC)) + "]"

_TYPE = "io.k8s.apimachinery.pkg.runtime.TypeMeta"
_TYPE_META, _RAW = 1 << 3 | SIZED, 2 << 3 | SIZED  # keys of Unknown
_PLAIN = sized(3, b"") + sized(4, b"")  # contentEncoding and contentType, which Go writes empty
_ITEM = 2  # of every list; 1 is its metadata


class UndecodableBody(BadRequest):
    """A body that is no message; `kind` and `api_version` are what it says it is, if that could be read."""

    def __init__(self, cause: str, api_version: str = "", kind: str = "") -> None:
        super().__init__(cause)
        self.api_version, self.kind = api_version, kind


def parse_protobuf(body: bytes, api_version: str = "", kind: str = "") -> Object:
    """The object of a body; the type is what a body is that does not say it. Raises UndecodableBody.

    Of a type that has no message, only apiVersion and kind are returned, by which it can be refused.
    """
    if not body:
        raise UndecodableBody("empty data")
    if not body.startswith(MAGIC):
        raise UndecodableBody(f"provided data does not appear to be a protobuf message, expected prefix {_SHOWN_MAGIC}")
    if len(body) == len(MAGIC):
        raise UndecodableBody("empty body")
    try:
        said, start, end = _unknown(body)
    except (Malformed, UnicodeDecodeError) as error:
        raise UndecodableBody(str(error)) from error
    api_version, kind = said.get("apiVersion") or api_version, said.get("kind") or kind
    message = message_of(api_version, kind)
    try:
        tree = decoder(message)(body, start, end, 0) if message else {}
    except (Malformed, UnicodeDecodeError, OverflowError, orjson.JSONDecodeError) as error:
        raise UndecodableBody(str(error), api_version, kind) from error
    if is_too_deep(tree):  # JSON in a RawExtension may be deeper than messages
        raise UndecodableBody("exceeded max depth", api_version, kind)
    return {"apiVersion": api_version, "kind": kind} | tree


def _unknown(body: bytes) -> tuple[dict[str, Any], int, int]:
    """The TypeMeta of the envelope, and where in the body the message lies."""
    said: dict[str, Any] = {}
    message = (0, 0)
    at = len(MAGIC)
    while at < len(body):
        start, field = at, body[at]
        if field in (_TYPE_META, _RAW):
            begin, at = read_size(body, start + 1, len(body))
            if field == _TYPE_META:
                said = decoder(_TYPE)(body, begin, at, 0)
            else:
                message = (begin, at)
        else:
            head, at = read_varint(body, start, len(body))
            at = skip(body, at, len(body), head & 7)
    return said, *message


def wrap(api_version: str, kind: str, message: bytes) -> bytes:
    """An object as it is sent."""
    before, after = around(api_version, kind, len(message))
    return before + message + after


def around(api_version: str, kind: str, size: int) -> tuple[bytes, bytes]:
    """What is before and after a message of some size: large ones need not be copied."""
    type_meta = sized(1, sized(1, api_version.encode()) + sized(2, kind.encode()))
    return MAGIC + type_meta + key(2, SIZED) + varint(size), _PLAIN


def item(message: bytes) -> bytes:
    """An object as part of a list."""
    return sized(_ITEM, message)


def list_head(meta: bytes) -> bytes:
    """The beginning of the message of a list; its items follow."""
    return sized(1, meta)


def watch_frame(type: str, wrapped: bytes) -> bytes:
    """One event of a watch: its length in four bytes, and a WatchEvent with an object as it is sent alone."""
    event = sized(1, type.encode()) + sized(2, sized(1, wrapped))
    return len(event).to_bytes(4) + event
