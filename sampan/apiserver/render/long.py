"""Long lists as streams: a piece is made when the one before has been taken, with others' requests in between.

Called by reply.py.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from itertools import islice

import orjson

from sampan.apiserver.accept import JSON, MediaTypeOptions
from sampan.apiserver.beside import beside
from sampan.apiserver.call import Call, Many
from sampan.apiserver.extensions.views import reading
from sampan.apiserver.render.as_json import LIST_END
from sampan.apiserver.render.batches import batches
from sampan.apiserver.render.pretty import is_wanted
from sampan.apiserver.render.serializers import SERIALIZERS
from sampan.apiserver.render.trees import list_meta
from sampan.apiserver.render.views import view
from sampan.machinery.meta import Object
from sampan.reconcile.pace import Pace
from sampan.transport.messages import StreamResponse


async def long_list(
    call: Call, result: Many, wanted: MediaTypeOptions, headers: Sequence[tuple[str, str]]
) -> StreamResponse:
    """The response to a list; raises what can be wrong with it before it begins."""
    serializer = SERIALIZERS[wanted.media_type]
    pieces = serializer.joined(partial(_views, call, result, wanted)) if wanted.view else serializer.many(call, result)
    if is_json := wanted.media_type == JSON and is_wanted(call.request):
        pieces = _indented(pieces)
    slow = bool(wanted.view) or is_json or not serializer.is_quick(call)
    first = await beside(slow, next, pieces)
    return StreamResponse(200, _sent(first, pieces, slow), serializer.media_type, headers, is_finite=True)


async def _sent(first: bytes, pieces: Iterator[bytes], slow: bool) -> AsyncIterator[bytes]:
    pace, made = Pace(), [first]
    del first
    while made:
        if made[0]:
            yield made.pop()  # who waits for a slow client does not keep it
        await pace.keep()
        made = await beside(slow, _next, pieces)


def _next(pieces: Iterator[bytes]) -> list[bytes]:
    return list(islice(pieces, 1))


def _views(call: Call, result: Many, wanted: MediaTypeOptions, most: int) -> Iterator[Object]:
    """The parts of a list of rows or of metadata."""
    for batch in batches(result.entries, most):
        yield view(call, [reading(call.served, entry) for entry in batch], wanted, list_meta(result))


def _indented(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of a list for people; as orjson indents it whole."""
    opening = orjson.dumps(orjson.loads(next(pieces) + LIST_END), option=orjson.OPT_INDENT_2)
    yield opening[: -len("]\n}")]
    before = b"\n"
    for piece in pieces:
        if piece in (b",", LIST_END):
            continue
        texts = [
            orjson.dumps(item, option=orjson.OPT_INDENT_2).replace(b"\n", b"\n    ")
            for item in orjson.loads(b"[" + piece.removeprefix(b",") + b"]")
        ]
        yield before + b"    " + b",\n    ".join(texts)
        before = b",\n"
    yield b"\n  ]\n}"
