"""Results as responses. Objects in a field-identical version are stored bytes with another head, not encoded anew."""

from collections.abc import Sequence
from typing import Any

import orjson

from sampan.apiserver import warnings
from sampan.apiserver.accept import YAML, MediaTypeOptions
from sampan.apiserver.call import Call, Many, One, Result, Tree, Watching
from sampan.apiserver.render.versions import in_version
from sampan.apiserver.render.views import view
from sampan.apiserver.render.watch import watch_reply
from sampan.machinery import yamlio
from sampan.machinery.meta import Object
from sampan.storage.cached import Cached, Items, head, join
from sampan.transport.messages import Reply, Response

Headers = Sequence[tuple[str, str]]
_NO_CACHE = (("Cache-Control", "no-cache, private"),)


def render(call: Call, result: Result, wanted: MediaTypeOptions) -> Reply:
    """The response to a result, in the form that the client wants."""
    headers: Headers = _NO_CACHE
    if call.warnings:
        headers = (*headers, *warnings.headers(call.warnings))
    if isinstance(result, One):
        return _one(call, result, wanted, headers)
    if isinstance(result, Many):
        return _many(call, result, wanted, headers)
    if isinstance(result, Tree):
        return _tree(call, result, wanted, headers)
    if isinstance(result, Watching):
        return watch_reply(call, result, wanted, headers)
    return result


def _one(call: Call, result: One, wanted: MediaTypeOptions, headers: Headers) -> Response:
    version = call.served.version
    if wanted.view:
        return _respond(result.status, view(call, [result.entry.object], wanted, None), wanted, headers)
    if wanted.media_type == YAML or version.convert is not None:
        return _respond(result.status, in_version(call, result.entry.object), wanted, headers)
    return Response(
        result.status, head(version.api_version, call.served.kind.name) + result.entry.body + b"\n", headers=headers
    )


def _many(call: Call, result: Many, wanted: MediaTypeOptions, headers: Headers) -> Response:
    meta = list_meta(result)
    if wanted.view:
        return _respond(200, view(call, [entry.object for entry in result.entries], wanted, meta), wanted, headers)
    if wanted.media_type == YAML:
        return _respond(200, list_tree(call, result), wanted, headers)
    version = call.served.version
    start = b'{"kind":"%bList","apiVersion":"%b","metadata":%b,"items":[' % (
        call.served.kind.name.encode(),
        version.api_version.encode(),
        orjson.dumps(meta),
    )
    return Response(200, start, headers=headers, chunks=(_joined(call, result.entries), b"]}\n"))


def _joined(call: Call, entries: Sequence[Cached]) -> bytes:
    if call.served.version.convert is not None:
        return b",".join(orjson.dumps(_item(call, entry)) for entry in entries)
    return entries.joined() if isinstance(entries, Items) else join(entries)


def _item(call: Call, entry: Cached) -> Object:
    """A list item: without its type, as typed lists have it."""
    tree = in_version(call, entry.object)
    return {name: value for name, value in tree.items() if name not in ("apiVersion", "kind")}


def _tree(call: Call, result: Tree, wanted: MediaTypeOptions, headers: Headers) -> Response:
    tree = in_version(call, result.tree) if result.stored else result.tree
    if wanted.view and result.stored:
        tree = view(call, [result.tree], wanted, None)
    return _respond(result.status, tree, wanted, headers)


def list_meta(result: Many) -> dict[str, Any]:
    """The ListMeta of a list."""
    meta: dict[str, Any] = {"resourceVersion": str(result.revision)}
    if result.continue_token:
        meta["continue"] = result.continue_token
        if result.remaining:
            meta["remainingItemCount"] = result.remaining
    return meta


def list_tree(call: Call, result: Many) -> Object:
    """A list as a tree."""
    return {
        "kind": f"{call.served.kind.name}List",
        "apiVersion": call.served.version.api_version,
        "metadata": list_meta(result),
        "items": [_item(call, entry) for entry in result.entries],
    }


def _respond(status: int, tree: Any, wanted: MediaTypeOptions, headers: Headers) -> Response:
    if wanted.media_type == YAML:
        return Response(status, yamlio.dump_yaml(tree), content_type=YAML, headers=headers)
    return Response(status, orjson.dumps(tree) + b"\n", headers=headers)
