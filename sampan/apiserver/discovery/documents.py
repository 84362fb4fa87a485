"""Discovery's answers: documents that are encoded on first use and then sent as they are, with ETags.

Every client asks for them at its start, kubectl at nearly every command; so nothing is rendered per request. Called by
paths.py, which says what the documents hold.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import orjson

from sampan.apiserver.accept import DISCOVERY_ROUTED, JSON, Offer
from sampan.apiserver.discovery.aggregated import GROUP, KIND
from sampan.apiserver.discovery.views import VARIES_BY, is_mapper
from sampan.apiserver.render.serializers import SERIALIZERS
from sampan.machinery.errors import NotAcceptable
from sampan.transport.messages import Request, Response

Answer = Callable[[Request], Response]
_NO_CACHE = ("Cache-Control", "no-cache, private")


class Document:
    """One document. `make` is called once, by the first client; `parameters` follow its media type."""

    def __init__(
        self,
        make: Callable[[], Any],
        parameters: str = "",
        varies_by: str = "Accept",
        offer: Offer = DISCOVERY_ROUTED,
    ) -> None:
        self._make, self._offer = make, offer
        self._parameters = parameters
        self._headers = [("Vary", varies_by), _NO_CACHE]
        self._bodies: dict[str, bytes] = {}

    @cached_property
    def _etag(self) -> str:
        return f'"{hashlib.sha512(self._body(JSON)).hexdigest().upper()}"'

    def _body(self, media_type: str) -> bytes:
        if media_type not in self._bodies:
            tree = self._make() if media_type == JSON else orjson.loads(self._body(JSON))
            self._bodies[media_type] = SERIALIZERS[media_type].tree(tree)
        return self._bodies[media_type]

    def answer(self, request: Request) -> Response:
        """The document by itself; raises NotAcceptable."""
        return self.answer_as(self._offer.negotiate(request.headers.get("accept", "")).media_type, request)

    def answer_as(self, media_type: str, request: Request) -> Response:
        """The document in a media type, or 304 where the client has it."""
        headers = [("ETag", self._etag), *self._headers]
        content_type = media_type + self._parameters
        if self._etag in request.headers.get("if-none-match", ""):
            return Response(304, content_type=content_type, headers=headers)
        return Response(200, self._body(media_type), content_type, headers)


class Negotiated:
    """The old form, or the aggregated one for who takes that."""

    def __init__(self, old: Document, aggregated: Mapping[str, Document]) -> None:
        self._old = old
        self._aggregated = aggregated  # version of the form -> document
        self._offer = Offer((), frozenset((GROUP, version, KIND) for version in aggregated))

    def answer(self, request: Request) -> Response:
        """The document in the form that is asked for; raises NotAcceptable."""
        if header := request.headers.get("accept", ""):
            with suppress(NotAcceptable):
                form = self._offer.negotiate(header)
                return self._aggregated[form.view_version].answer_as(form.media_type, request)
        return self._old.answer(request)


def by_client(complete: Answer, current: Answer) -> Answer:
    """The complete view for clients that map manifests, the current one for those that scan (views.py)."""
    return lambda request: (complete if is_mapper(request.headers) else current)(request)


def varying(by_client: bool) -> str:
    """The Vary header of a document that differs by client, or does not."""
    return f"Accept, {VARIES_BY}" if by_client else "Accept"
