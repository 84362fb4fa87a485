"""pods/log: the kubelet's containerLogs, passed on as it comes.

Errors are those of k8s.io/apiserver/pkg/registry/generic/rest (GenericHttpResponseChecker, LocationStreamer).
"""

from contextlib import AsyncExitStack

from sampan.apiserver.streaming.messages import log_messages
from sampan.apiserver.streaming.target import KubeletTarget, dial_error
from sampan.machinery.errors import APIError, BadRequest, InternalError, NotFound
from sampan.transport.connection import Streaming
from sampan.transport.messages import Reply, Request, StreamResponse
from sampan.transport.relay import OwnedBody
from sampan.transport.websocket import is_websocket

_MAX_MESSAGE = 50_000  # bytes of a kubelet's error that are passed on


async def proxy_log(target: KubeletTarget, request: Request) -> Reply:
    """GET .../pods/{name}/log, a WebSocket's included. Raises APIError."""
    client = target.client()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        try:
            answer = await stack.enter_async_context(client.stream("GET", target.location))
            if not 200 <= answer.status <= 206:
                raise _failure(target, answer.status, await _message(answer))
        except OSError as error:
            text = f'Get "{target.base_url}{target.location}": {dial_error(target, error)}'
            raise APIError(text, code=500, reason="") from error
        reply = StreamResponse(200, OwnedBody(stack.pop_all(), answer.body), "text/plain")
    return await log_messages(request, reply) if is_websocket(request) else reply


async def _message(answer: Streaming) -> str:
    text = bytearray()
    async for piece in answer.body:
        text += piece
        if len(text) > _MAX_MESSAGE:
            break
    return text[:_MAX_MESSAGE].decode("utf-8", "replace").strip()


def _failure(target: KubeletTarget, status: int, message: str) -> APIError:
    if status == 500:
        return InternalError(f"Internal error occurred: {message}", details={"causes": [{"message": message}]})
    if status == 400:
        return BadRequest(message)
    name = target.path.split("/")[3]  # /containerLogs/{namespace}/{pod}/{container}
    if status == 404:
        details = {"name": name, "kind": "pods/log"}
        return NotFound(f"the server could not find the requested resource ( pods/log {name})", details=details)
    return APIError(message or f"unknown ( pods/log {name})", code=status, reason="")
