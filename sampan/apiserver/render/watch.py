"""Watch streams: frames by the table of serializers, shared between watchers; errors are ERROR events."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from sampan.apiserver.accept import MediaTypeOptions
from sampan.apiserver.call import Call, Change, Changes, Watching
from sampan.apiserver.extensions.views import working
from sampan.apiserver.render.serializer import Encode, Serializer
from sampan.apiserver.render.serializers import SERIALIZERS
from sampan.apiserver.render.trees import bookmark
from sampan.apiserver.render.views import event_table
from sampan.machinery import tables
from sampan.machinery.errors import APIError
from sampan.reconcile.pace import Pace
from sampan.storage.cached import Cached
from sampan.transport.messages import StreamResponse

_PIECE = 16 << 10  # bytes of frames that are sent together, if not a single one is longer


def watch_reply(
    call: Call, result: Watching, wanted: MediaTypeOptions, headers: Sequence[tuple[str, str]]
) -> StreamResponse:
    """The stream of a watch."""
    serializer = SERIALIZERS[wanted.media_type]
    encode = _encoder(call, wanted, serializer, result.now)
    frames = _frames(result.changes, encode, serializer)
    return StreamResponse(200, frames, serializer.stream_type, headers)


async def _frames(changes: Changes, encode: Encode, serializer: Serializer) -> AsyncIterator[bytes]:
    """Those of a batch together, as far as they are small: what waits to be sent is not to be much, and large ones take
    time to encode."""
    try:
        async for batch in changes:
            pace, frames, size = Pace(), list[bytes](), 0
            for change in batch:
                frames.append(encode(change))
                size += len(frames[-1])
                if size >= _PIECE:
                    frames, size = [b"".join(frames)], 0
                    yield frames.pop()  # who waits for a slow client keeps nothing of it
                await pace.keep()
            if frames:
                frames = [b"".join(frames)]
                yield frames.pop()
    except APIError as error:
        yield serializer.frame("ERROR", error.status())
    finally:
        await changes.aclose()


def _encoder(call: Call, wanted: MediaTypeOptions, serializer: Serializer, now: Callable[[], datetime]) -> Encode:
    if wanted.view == "Table":
        return _tables(call, wanted, serializer, now)
    return _metadata(call, wanted, serializer) if wanted.view else serializer.changes(call)


def _tables(call: Call, wanted: MediaTypeOptions, serializer: Serializer, now: Callable[[], datetime]) -> Encode:
    """Each watch has its own: the first has the columns, and ages are those of the moment."""
    table = event_table(call, wanted, now)

    def encode(change: Change) -> bytes:
        if change.entry is None:
            return serializer.frame(change.type, bookmark(call, change))
        return serializer.frame(change.type, table(working(call.served, change.entry)))

    return encode


def _metadata(call: Call, wanted: MediaTypeOptions, serializer: Serializer) -> Encode:
    version = wanted.view_api_version
    form = (serializer.media_type, version, "metadata")

    def of_entry(type: str, entry: Cached) -> bytes:
        return serializer.frame(type, tables.partial_metadata(working(call.served, entry), version))

    def encode(change: Change) -> bytes:
        if change.entry is None:
            return serializer.frame(change.type, tables.partial_metadata(bookmark(call, change), version))
        if change.event is None or change.type == "BOOKMARK":
            return of_entry(change.type, change.entry)
        return change.event.frame_as(change.type, form, of_entry)

    return encode
