"""/openapi/v2 and /openapi/v3: documents made on first use, with ETags.

Version 3 comes by group and version; its URLs carry a hash, so that clients may keep what they have for good.
"""

import hashlib
from functools import cached_property

import orjson

from sampan import KUBERNETES_VERSION
from sampan.machinery import openapi_protobuf
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.errors import NotFound
from sampan.machinery.openapi import Documents
from sampan.transport.messages import Request, Response

_FOREVER = ("Cache-Control", "public, immutable")
_NO_CACHE = ("Cache-Control", "no-cache, private")


class OpenAPI:
    """The documents of a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._documents = Documents(catalogue.kinds, catalogue.schema, KUBERNETES_VERSION)
        self._etags: dict[int, str] = {}  # by identity: the documents are kept

    def answer(self, request: Request) -> Response:
        """Any path below /openapi; raises NotFound."""
        path = request.path.strip("/").removeprefix("openapi").strip("/")
        hashed = "hash=" in request.raw_query
        if path == "v2":
            if openapi_protobuf.ASKED in request.headers.get("accept", ""):
                return self._answer(request, self._protobuf, hashed=False, content_type=openapi_protobuf.MEDIA_TYPE)
            return self._answer(request, self._documents.v2, hashed=False)
        if path == "v3":
            return self._answer(request, self._documents.index, hashed=False)
        body = self._documents.v3(path.removeprefix("v3/")) if path.startswith("v3/") else None
        if body is None:
            raise NotFound.path()
        return self._answer(request, body, hashed=hashed)

    def _answer(
        self, request: Request, body: bytes, *, hashed: bool, content_type: str = "application/json"
    ) -> Response:
        etag = self._etag(body)
        headers = [("ETag", etag), ("Vary", "Accept"), _FOREVER if hashed else _NO_CACHE]
        if etag in request.headers.get("if-none-match", ""):
            return Response(304, headers=headers)
        return Response(200, body, content_type, headers)

    def _etag(self, body: bytes) -> str:
        known = self._etags.get(id(body))
        if known is None:
            known = self._etags[id(body)] = f'"{hashlib.sha512(body).hexdigest().upper()}"'
        return known

    @cached_property
    def _protobuf(self) -> bytes:
        return openapi_protobuf.encode(orjson.loads(self._documents.v2))
