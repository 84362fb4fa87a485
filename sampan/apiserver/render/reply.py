"""Results as responses, by the table of serializers. What takes long is done beside the event loop."""

from collections.abc import Awaitable, Sequence

from sampan.apiserver import warnings
from sampan.apiserver.accept import MediaTypeOptions
from sampan.apiserver.beside import LARGE, beside
from sampan.apiserver.call import Call, Computed, Many, One, Result, Tree, Watching
from sampan.apiserver.extensions.views import working
from sampan.apiserver.render.batches import is_long, size_of
from sampan.apiserver.render.long import long_list
from sampan.apiserver.render.serializers import SERIALIZERS
from sampan.apiserver.render.trees import computed_list, list_meta
from sampan.apiserver.render.versions import in_version
from sampan.apiserver.render.views import tree_view, view
from sampan.apiserver.render.watch import watch_reply
from sampan.apiserver.streaming.messages import watch_messages
from sampan.machinery.meta import Object
from sampan.transport.messages import Reply, Response
from sampan.transport.websocket import is_websocket

Headers = Sequence[tuple[str, str]]
Answer = One | Many | Tree | Computed
_ANSWERS = (One, Many, Tree, Computed)
_NO_CACHE = (("Cache-Control", "no-cache, private"),)


def render(call: Call, result: Result, wanted: MediaTypeOptions, *, whole: bool = False) -> Reply | Awaitable[Reply]:
    """The response to a result, in the form that the client wants; `whole` where a long one is not to be a stream."""
    headers: Headers = _NO_CACHE
    if call.warnings:
        headers = (*headers, *warnings.headers(call.warnings))
    if isinstance(result, Watching):
        reply = watch_reply(call, result, wanted, headers)
        return watch_messages(call.request, reply) if is_websocket(call.request) else reply
    if not isinstance(result, _ANSWERS):
        return result
    if not whole and isinstance(result, Many) and is_long(result.entries):
        return long_list(call, result, wanted, headers)
    if _is_slow(call, result, wanted):
        return beside(True, _response, call, result, wanted, headers)
    return _response(call, result, wanted, headers)


def _is_slow(call: Call, result: Answer, wanted: MediaTypeOptions) -> bool:
    """Whether the answer is large, and more than a splice of what is there."""
    if isinstance(result, One) and len(result.entry.value) <= LARGE:
        return False
    if isinstance(result, (Tree, Computed)) or (not wanted.view and SERIALIZERS[wanted.media_type].is_quick(call)):
        return False
    return isinstance(result, One) or size_of(result.entries) > LARGE


def _response(call: Call, result: Answer, wanted: MediaTypeOptions, headers: Headers) -> Response:
    serializer = SERIALIZERS[wanted.media_type]
    if isinstance(result, One) and not wanted.view:
        body, rest = serializer.entry(call, result.entry)
        return Response(result.status, body, serializer.media_type, headers, rest)
    status = 200 if isinstance(result, (Many, Computed)) else result.status
    if isinstance(result, Many) and not wanted.view:
        first, *chunks = serializer.many(call, result)
        return Response(status, first, serializer.media_type, headers, chunks)
    return Response(status, serializer.tree(_shown(call, result, wanted)), serializer.media_type, headers)


def _shown(call: Call, result: Answer, wanted: MediaTypeOptions) -> Object:
    """The tree of what is not sent as it is stored."""
    if isinstance(result, One):
        return view(call, [working(call.served, result.entry)], wanted, None)
    if isinstance(result, Many):
        return view(call, [working(call.served, entry) for entry in result.entries], wanted, list_meta(result))
    if isinstance(result, Computed):
        return view(call, result.objects, wanted, {}) if wanted.view else computed_list(call, result)
    if wanted.view and result.stored:
        return view(call, [result.tree], wanted, None)
    tree = in_version(call, result.tree) if result.stored else result.tree
    return tree_view(tree, wanted) if wanted.view else tree
