"""What an audit event tells of an answer: the object as its client would have got it in JSON.

Called by app.py and auditor.py for requests that are audited. Rules: k8s.io/apiserver/pkg/audit/request.go
(LogResponseObject), pkg/endpoints/metrics (deprecated versions).
"""

import inspect
from collections.abc import Awaitable, Sequence
from time import perf_counter

import orjson

from sampan.apiserver.accept import JSON, MediaTypeOptions
from sampan.apiserver.audit.event import Body
from sampan.apiserver.audit.record import Record
from sampan.apiserver.call import Call, Computed, Many, One, Result, Tree
from sampan.apiserver.render.reply import render
from sampan.apiserver.render.status import PageNotFound, PlainError
from sampan.machinery.errors import APIError
from sampan.machinery.kind import Served
from sampan.transport.messages import Reply, Response


async def render_told(
    record: Record, call: Call, result: Result | Awaitable[Result], wanted: MediaTypeOptions
) -> Reply:
    """The response to a result, of which the record takes note."""
    found = await result if inspect.isawaitable(result) else result
    start = perf_counter()
    rendered = render(call, found, wanted)
    reply = await rendered if inspect.isawaitable(rendered) else rendered
    call.audit.took("serialize-response-object", perf_counter() - start)
    await tell_result(record, call, found, wanted, reply)
    return reply


async def tell_result(
    record: Record, call: Call, result: Result, wanted: MediaTypeOptions, reply: Reply | None = None
) -> None:
    """Take note of a result; `reply` is what has been made of it."""
    if not isinstance(result, One | Many | Tree | Computed):
        return
    tree = result.tree if isinstance(result, Tree) else None
    if not record.wants_response:
        record.answered(tree)
        return
    if not isinstance(reply, Response) or reply.content_type != JSON:
        rendered = render(call, result, wanted._replace(media_type=JSON), whole=True)
        reply = await rendered if inspect.isawaitable(rendered) else rendered
    assert isinstance(reply, Response)
    record.answered(tree, Body(_pieces(reply)))


def tell_document(record: Record, reply: Response) -> None:
    """Take note of what discovery answers; other paths that are no resources give no objects."""
    discovery = record.info.path.split("/")[1] in ("api", "apis")
    if discovery and record.wants_response and reply.content_type.startswith(JSON):
        record.answered(None, Body(_pieces(reply)))


def tell_error(record: Record, error: APIError) -> None:
    """Take note of a refusal."""
    if not isinstance(error, PageNotFound | PlainError):
        status = error.status()
        record.answered(status, Body((orjson.dumps(status),)))


def deprecated(served: Served) -> dict[str, str]:
    """The annotations for the use of a version that has been, or will be, removed."""
    notes = {"k8s.io/deprecated": "true"}
    if served.version.removed:
        notes["k8s.io/removed-release"] = served.version.removed
    return notes


def _pieces(reply: Response) -> Sequence[bytes | memoryview]:
    return (reply.body, *reply.chunks)
