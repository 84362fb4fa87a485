"""In-process clients and other servers' versions: trees become bytes on the way out, and trees again on the way back.

Called by app.py and local.py, for controllers that work on any kind.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import orjson

from sampan.apiserver.call import Payload
from sampan.machinery.errors import InternalError, Timeout
from sampan.transport.messages import Reply, Request, Response, StreamResponse

_TIMEOUT = 60.0  # seconds for the rest of an answer that has begun
MAX_ANSWER = 256 << 20  # bytes; a list may be long


def encoded(request: Request, payload: Payload) -> Request:
    """The request with its body as bytes, in JSON."""
    headers = {**request.headers, "accept": request.headers.get("accept", "application/json")}
    if payload.tree is None:
        return replace(request, headers=headers)
    headers["content-type"] = payload.content_type or "application/json"
    return replace(request, headers=headers, body=orjson.dumps(payload.tree))


async def whole(reply: Reply) -> Response:
    """An answer with all of its body; raises InternalError."""
    if isinstance(reply, Response):
        return replace(reply, body=b"".join([reply.body, *reply.chunks]), chunks=())
    if not isinstance(reply, StreamResponse):
        raise InternalError("an upgraded connection is no answer")
    try:
        async with asyncio.timeout(_TIMEOUT):
            return Response(reply.status, await _read(reply.stream), reply.content_type, reply.headers)
    except TimeoutError:
        raise Timeout("Timeout: the rest of the answer did not arrive in time") from None
    finally:
        await reply.stream.aclose()  # type: ignore[attr-defined]


async def _read(stream: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for piece in stream:
        body += piece
        if len(body) > MAX_ANSWER:
            raise InternalError(f"the answer is longer than {MAX_ANSWER} bytes")
    return bytes(body)
