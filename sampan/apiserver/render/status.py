"""Errors as responses: the one place where an APIError becomes bytes."""

from collections.abc import Sequence

import orjson

from sampan.apiserver import warnings
from sampan.apiserver.accept import ERROR, JSON
from sampan.apiserver.render.serializers import SERIALIZERS
from sampan.machinery.errors import APIError, NotAcceptable, NotFound
from sampan.machinery.meta import Object
from sampan.transport.messages import Response


class PageNotFound(NotFound):
    """For a path that is neither a resource's nor anything else's; answered in plain text, as upstream does."""

    def __init__(self) -> None:
        super().__init__("the server could not find the requested resource", details={})


class PlainError(APIError):
    """One that upstream answers in plain text, outside of the API's grammar."""

    def __init__(self, code: int, text: str, retry_after: int = 0) -> None:
        details = {"retryAfterSeconds": retry_after} if retry_after else {}
        super().__init__(text, code=code, reason="InternalError", details=details)


def error_reply(error: APIError, said: Sequence[str] = (), accepted: str = "") -> Response:
    """The Status of an error as the client takes it, with Retry-After where it says so, and the warnings that were due
    before it."""
    headers = [("Cache-Control", "no-cache, private"), *warnings.headers(said)]
    if retry := error.details.get("retryAfterSeconds"):
        headers.append(("Retry-After", str(retry)))
    if isinstance(error, PageNotFound):
        headers.append(("X-Content-Type-Options", "nosniff"))
        return Response(404, b"404 page not found\n", "text/plain; charset=utf-8", headers)
    if isinstance(error, PlainError):
        headers.append(("X-Content-Type-Options", "nosniff"))
        return Response(error.status_code, f"{error.message}\n".encode(), "text/plain; charset=utf-8", headers)
    media_type, body = _written(error.status(), accepted)
    return Response(error.status_code, body, media_type, headers)


def _written(status: Object, accepted: str) -> tuple[str, bytes]:
    """A Status by the table; in JSON for people where the client takes nothing of it (upstream's WriteRawJSON)."""
    try:
        serializer = SERIALIZERS[ERROR.negotiate(accepted).media_type]
    except NotAcceptable:
        return JSON, orjson.dumps(status, option=orjson.OPT_INDENT_2)
    return serializer.media_type, serializer.tree(status)


def transport_error(status: int, message: str) -> Response:
    """For errors below the handler (oversized bodies, malformed HTTP): a Status too."""
    reasons = {400: "BadRequest", 408: "Timeout", 413: "RequestEntityTooLarge", 431: "RequestEntityTooLarge"}
    return error_reply(APIError(message, code=status, reason=reasons.get(status, "")))
