"""What a server sends, as the client takes it: errors, the lines of a watch, lists. Pure but for waiting.

Called by https.py, and by the in-process transport for what other servers answer through the API server.
"""

from collections.abc import AsyncGenerator, AsyncIterator

import orjson

from sampan.client.transport import WatchEvent
from sampan.machinery.errors import APIError, from_status
from sampan.machinery.meta import Object

MAX_EVENT = 64 << 20  # of one line of a watch; objects are far smaller


def failure(status: int, body: bytes) -> APIError:
    """The error that an answer stands for: its Status, or what client-go says where there is none."""
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError:
        tree = None
    if isinstance(tree, dict) and tree.get("kind") == "Status":
        return from_status(tree)
    text = body.decode("utf-8", "replace").strip()
    return from_status({"code": status, "message": text or f"the server answered with status {status}"})


async def events_of(body: AsyncIterator[bytes]) -> AsyncGenerator[WatchEvent, None]:
    """The events of a watch's body; raises APIError for an ERROR event."""
    async for line in _lines(body):
        event = orjson.loads(line)
        if event["type"] == "ERROR":
            raise from_status(event["object"])
        yield WatchEvent(event["type"], event["object"])


async def _lines(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines without their ends; one that the end of the stream cuts off is dropped, as it is not an event."""
    buffer = bytearray()
    async for piece in body:
        buffer += piece
        if b"\n" not in piece:
            if len(buffer) > MAX_EVENT:
                raise ConnectionError("the server sent a watch event without end")
            continue
        *lines, rest = buffer.split(b"\n")
        buffer = bytearray(rest)
        for line in lines:
            if line:
                yield bytes(line)


def with_types(tree: Object) -> Object:
    """A list whose items have the kind and apiVersion that the wire leaves out; anything else as it is."""
    kind = tree.get("kind", "")
    if kind.endswith("List") and isinstance(tree.get("items"), list):
        types = {"kind": kind.removesuffix("List"), "apiVersion": tree.get("apiVersion", "")}
        tree["items"] = [{**types, **item} if isinstance(item, dict) else item for item in tree["items"]]
    return tree
