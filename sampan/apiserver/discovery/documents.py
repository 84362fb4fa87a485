"""Discovery's answers: documents that are encoded on first use and then sent as they are, with ETags.

Every client asks for them at its start, kubectl at nearly every command; so nothing is rendered per request. Called by
paths.py, which says what the documents hold.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import orjson

from sampan.apiserver.accept import JSON, YAML, negotiate_plain
from sampan.apiserver.discovery.aggregated import GROUP
from sampan.apiserver.discovery.views import VARIES_BY, is_mapper
from sampan.machinery import yamlio
from sampan.transport.messages import Request, Response

Answer = Callable[[Request], Response]
_NO_CACHE = ("Cache-Control", "no-cache, private")


class Document:
    """One document. `make` is called once, by the first client."""

    def __init__(self, make: Callable[[], Any], content_type: str = JSON, varies_by: str = "Accept") -> None:
        self._make = make
        self._content_type = content_type
        self._headers = [("Vary", varies_by), _NO_CACHE]

    @cached_property
    def _body(self) -> bytes:
        return orjson.dumps(self._make()) + b"\n"

    @cached_property
    def _etag(self) -> str:
        return f'"{hashlib.sha512(self._body).hexdigest().upper()}"'

    @cached_property
    def _yaml(self) -> bytes:
        return yamlio.dump_yaml(orjson.loads(self._body))

    def answer(self, request: Request) -> Response:
        """The document as JSON or YAML; raises NotAcceptable."""
        if negotiate_plain(request.headers.get("accept", "")).media_type == YAML:
            return Response(200, self._yaml, YAML, self._headers)
        return self.answer_json(request)

    def answer_json(self, request: Request) -> Response:
        """The document, or 304 where the client has it."""
        headers = [("ETag", self._etag), *self._headers]
        if self._etag in request.headers.get("if-none-match", ""):
            return Response(304, content_type=self._content_type, headers=headers)
        return Response(200, self._body, self._content_type, headers)


class Negotiated:
    """The old form, or the aggregated one where the client lists it first among what it can take."""

    def __init__(self, old: Document, aggregated: Mapping[str, Document]) -> None:
        self._old = old
        self._aggregated = aggregated  # version of the form -> document

    def answer(self, request: Request) -> Response:
        """The document in the form that is asked for; raises NotAcceptable."""
        for clause in request.headers.get("accept", "").split(","):
            media_type, *parameters = (part.strip() for part in clause.split(";"))
            if media_type != JSON:
                continue
            values = dict(part.partition("=")[::2] for part in parameters)
            if values.get("as") == "APIGroupDiscoveryList" and values.get("g") == GROUP:
                if (found := self._aggregated.get(values.get("v", ""))) is not None:
                    return found.answer_json(request)
            elif not values.get("as"):
                break
        return self._old.answer(request)


def by_client(complete: Answer, current: Answer) -> Answer:
    """The complete view for clients that map manifests, the current one for those that scan (views.py)."""
    return lambda request: (complete if is_mapper(request.headers) else current)(request)


def varying(by_client: bool) -> str:
    """The Vary header of a document that differs by client, or does not."""
    return f"Accept, {VARIES_BY}" if by_client else "Accept"
