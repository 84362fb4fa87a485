"""/openapi/v2 and /openapi/v3: documents made on first use, with ETags.

Version 3 comes by group and version; its URLs carry a hash, so that clients may keep what they have for good.
"""

import hashlib
from functools import cache

import orjson

from sampan import KUBERNETES_VERSION
from sampan.kinds import registry
from sampan.machinery import openapi_protobuf
from sampan.machinery.errors import NotFound
from sampan.machinery.openapi import Documents
from sampan.transport.messages import Request, Response

_FOREVER = ("Cache-Control", "public, immutable")
_NO_CACHE = ("Cache-Control", "no-cache, private")


def openapi(request: Request) -> Response:
    """Any path below /openapi; raises NotFound."""
    path = request.path.strip("/").removeprefix("openapi").strip("/")
    hashed = "hash=" in request.raw_query
    if path == "v2":
        if openapi_protobuf.ASKED in request.headers.get("accept", ""):
            return _answer(request, _protobuf(), hashed=False, content_type=openapi_protobuf.MEDIA_TYPE)
        return _answer(request, _documents().v2, hashed=False)
    if path == "v3":
        return _answer(request, _documents().index(), hashed=False)
    body = _documents().v3(path.removeprefix("v3/")) if path.startswith("v3/") else None
    if body is None:
        raise NotFound.path()
    return _answer(request, body, hashed=hashed)


def _answer(request: Request, body: bytes, *, hashed: bool, content_type: str = "application/json") -> Response:
    etag = _etag(body)
    headers = [("ETag", etag), ("Vary", "Accept"), _FOREVER if hashed else _NO_CACHE]
    if etag in request.headers.get("if-none-match", ""):
        return Response(304, headers=headers)
    return Response(200, body, content_type, headers)


@cache
def _documents() -> Documents:
    return Documents(registry.all_kinds(), KUBERNETES_VERSION)


@cache
def _protobuf() -> bytes:
    return openapi_protobuf.encode(orjson.loads(_documents().v2))


@cache
def _etag(body: bytes) -> str:
    return f'"{hashlib.sha512(body).hexdigest().upper()}"'
