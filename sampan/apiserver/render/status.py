"""Errors as responses: the one place where an APIError becomes bytes."""

import orjson

from sampan.machinery.errors import APIError
from sampan.transport.messages import Response


def error_reply(error: APIError) -> Response:
    """The Status of an error, with Retry-After where it says so."""
    headers = [("Cache-Control", "no-cache, private")]
    retry = error.details.get("retryAfterSeconds")
    if retry:
        headers.append(("Retry-After", str(retry)))
    return Response(error.status_code, orjson.dumps(error.status()) + b"\n", headers=headers)


def transport_error(status: int, message: str) -> Response:
    """For errors below the handler (oversized bodies, malformed HTTP): a Status too."""
    reasons = {400: "BadRequest", 408: "Timeout", 413: "RequestEntityTooLarge", 431: "RequestEntityTooLarge"}
    return error_reply(APIError(message, code=status, reason=reasons.get(status, "")))
