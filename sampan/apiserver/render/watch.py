"""Watch streams: one JSON line per event, frames shared between watchers, errors as ERROR events."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

import orjson

from sampan.apiserver.accept import MediaTypeOptions
from sampan.apiserver.call import Call, Change, Watching
from sampan.apiserver.extensions.views import working
from sampan.apiserver.render.versions import in_version, is_spliced, shown
from sampan.apiserver.render.views import event_view
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Object
from sampan.storage.cached import head
from sampan.transport.messages import StreamResponse

Encode = Callable[[Change], bytes]
INITIAL_END = "k8s.io/initial-events-end"


def watch_reply(
    call: Call, result: Watching, wanted: MediaTypeOptions, headers: Sequence[tuple[str, str]]
) -> StreamResponse:
    """The stream of a watch."""
    return StreamResponse(200, _lines(result.changes, _encoder(call, wanted, result.now)), "application/json", headers)


async def _lines(changes: AsyncGenerator[Sequence[Change], None], encode: Encode) -> AsyncIterator[bytes]:
    try:
        async for batch in changes:
            yield b"".join(map(encode, batch))
    except APIError as error:
        yield _frame("ERROR", error.status())
    finally:
        await changes.aclose()


def _encoder(call: Call, wanted: MediaTypeOptions, now: Callable[[], datetime]) -> Encode:
    if wanted.view:
        view = event_view(call, wanted, now)
        return lambda change: _frame(change.type, _bookmark_or(call, change, view))
    if call.served.version.convert is not None:
        return lambda change: _frame(change.type, _bookmark_or(call, change, lambda obj: in_version(call, obj)))
    if call.served.version.structure is not None:
        return _splicing_what_is_stored(call)
    return _splicing(call)


def _splicing(call: Call) -> Encode:
    """For field-identical versions: no object is looked into."""
    first = head(call.served.version.api_version, call.served.kind.name)

    def encode(change: Change) -> bytes:
        if change.event is not None:
            assert change.type != "BOOKMARK"
            return change.event.frame(change.type, first)
        if change.entry is not None:
            return b'{"type":"%b","object":%b%b}\n' % (change.type.encode(), first, change.entry.body)
        return _frame(change.type, bookmark(call, change))

    return encode


def _splicing_what_is_stored(call: Call) -> Encode:
    """For custom resources: as above, but for those of which clients see something else than what is stored."""
    splice = _splicing(call)

    def encode(change: Change) -> bytes:
        if change.entry is None or is_spliced(call, change.entry):
            return splice(change)
        return _frame(change.type, shown(call, change.entry))

    return encode


def _bookmark_or(call: Call, change: Change, show: Callable[[Object], Object]) -> Object:
    if change.entry is None:
        return bookmark(call, change)
    return show(working(call.served, change.entry))


def bookmark(call: Call, change: Change) -> Object:
    """An object of the kind with nothing but a resourceVersion."""
    meta: dict[str, Any] = {"resourceVersion": str(change.revision), "creationTimestamp": None}
    if change.ends_initial:
        meta["annotations"] = {INITIAL_END: "true"}
    return {"kind": call.served.kind.name, "apiVersion": call.served.version.api_version, "metadata": meta}


def _frame(type: str, obj: Object) -> bytes:
    return orjson.dumps({"type": type, "object": obj}) + b"\n"
