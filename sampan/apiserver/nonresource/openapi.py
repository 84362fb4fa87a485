"""/openapi/v2 and /openapi/v3: documents made on first use, beside the event loop, with ETags.

Version 3 comes by group and version; its URLs carry a hash, so that clients may keep what they have for good. When
kinds come and go, the documents of groups that stay as they were are kept.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import orjson

from sampan import KUBERNETES_VERSION
from sampan.machinery import openapi_protobuf
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.errors import NotFound
from sampan.machinery.openapi import Documents
from sampan.machinery.openapi_merging import Fragment, merge
from sampan.transport.messages import Request, Response

_FOREVER = ("Cache-Control", "public, immutable")
_NO_CACHE = ("Cache-Control", "no-cache, private")
_V2, _V2_PROTOBUF, _INDEX = "v2", "v2 protobuf", "v3"


class Kept:
    """A document that has been made."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.etag = f'"{hashlib.sha512(body).hexdigest().upper()}"'


class Elsewhere(Protocol):
    """The documents of other servers; aggregation/openapi.py."""

    def index(self) -> Mapping[str, str]:
        """Place -> URL of its document of version 3."""

    def fragments(self) -> Sequence[Fragment]:
        """What belongs into the document of version 2."""

    def answer(self, place: str, request: Request) -> Awaitable[Response] | None:
        """The document of version 3 of a place; None where it is nobody else's."""


class OpenAPI:
    """The documents of a server. `serve` tells which kinds there are."""

    def __init__(self, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere
        self._documents = Documents((), Catalogue(()).schema, KUBERNETES_VERSION)
        self._kept: dict[tuple[str, str], Kept] = {}  # (which, fingerprint)
        self._making: dict[tuple[str, str], asyncio.Task[Kept]] = {}  # so that one making serves all who wait for it
        self._generation = 0

    def serve(self, catalogue: Catalogue) -> None:
        """Answer for another catalogue from now on."""
        self._documents = Documents(catalogue.kinds, catalogue.schema, KUBERNETES_VERSION)
        self.serve_again()

    def serve_again(self) -> None:
        """What is about all groups is to be made anew: other servers may have something else to tell."""
        self._generation += 1
        self._kept = {
            (which, print_): kept
            for (which, print_), kept in self._kept.items()
            if print_ and print_ == self._documents.fingerprint(which)
        }

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        """Any path below /openapi; raises NotFound."""
        path = request.path.strip("/").removeprefix("openapi").strip("/")
        documents = self._documents
        if path == "v2":
            if openapi_protobuf.ASKED in request.headers.get("accept", ""):
                making = _protobuf(documents, self._elsewhere.fragments())
                return self._document(request, _V2_PROTOBUF, making, content_type=openapi_protobuf.MEDIA_TYPE)
            return self._document(request, _V2, _v2(documents, self._elsewhere.fragments()))
        if path == "v3":
            return self._document(request, _INDEX, _index(documents, self._elsewhere.index()))
        place = path.removeprefix("v3/")
        if (passed_on := self._elsewhere.answer(place, request)) is not None:
            return passed_on
        if not path.startswith("v3/") or not documents.fingerprint(place):
            raise NotFound.path()
        return self._document(request, place, lambda: documents.v3(place) or b"", hashed="hash=" in request.raw_query)

    def _document(
        self,
        request: Request,
        which: str,
        make: Callable[[], bytes],
        *,
        hashed: bool = False,
        content_type: str = "application/json",
    ) -> Response | Awaitable[Response]:
        name = (which, self._documents.fingerprint(which) or str(self._generation))
        if kept := self._kept.get(name):
            return _answer(request, kept, hashed, content_type)
        return self._later(request, name, make, hashed, content_type)

    async def _later(
        self, request: Request, name: tuple[str, str], make: Callable[[], bytes], hashed: bool, content_type: str
    ) -> Response:
        making = self._making.get(name)
        if making is None:
            making = self._making[name] = asyncio.create_task(self._make(name, make), name=f"OpenAPI {name[0]}")
        return _answer(request, await asyncio.shield(making), hashed, content_type)

    async def _make(self, name: tuple[str, str], make: Callable[[], bytes]) -> Kept:
        try:
            kept = await asyncio.to_thread(lambda: Kept(make()))
            if name[1] in (self._documents.fingerprint(name[0]), str(self._generation)):
                self._kept[name] = kept
            return kept
        finally:
            del self._making[name]


def _v2(documents: Documents, fragments: Sequence[Fragment]) -> Callable[[], bytes]:
    if not fragments:
        return documents.v2
    return lambda: orjson.dumps(merge(orjson.loads(documents.v2()), fragments))


def _protobuf(documents: Documents, fragments: Sequence[Fragment]) -> Callable[[], bytes]:
    return lambda: openapi_protobuf.encode(orjson.loads(_v2(documents, fragments)()))


def _index(documents: Documents, elsewhere: Mapping[str, str]) -> Callable[[], bytes]:
    if not elsewhere:
        return lambda: documents.index
    theirs = {place: {"serverRelativeURL": url} for place, url in elsewhere.items()}
    return lambda: orjson.dumps({"paths": orjson.loads(documents.index)["paths"] | theirs})


def _answer(request: Request, kept: Kept, hashed: bool, content_type: str) -> Response:
    headers = [("ETag", kept.etag), ("Vary", "Accept"), _FOREVER if hashed else _NO_CACHE]
    if kept.etag in request.headers.get("if-none-match", ""):
        return Response(304, headers=headers)
    return Response(200, kept.body, content_type, headers)
