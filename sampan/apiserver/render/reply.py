"""Results as responses. Objects in a field-identical version are stored bytes with another head, not encoded anew."""

from collections.abc import Sequence
from typing import Any

import orjson

from sampan.apiserver import warnings
from sampan.apiserver.accept import YAML, MediaTypeOptions
from sampan.apiserver.call import Call, Computed, Many, One, Result, Tree, Watching
from sampan.apiserver.extensions.views import all_stored, working
from sampan.apiserver.render.versions import in_version, is_spliced, shown
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
    if isinstance(result, Computed):
        tree = view(call, result.objects, wanted, {}) if wanted.view else computed_list(call, result)
        return _respond(200, tree, wanted, headers)
    if isinstance(result, Watching):
        return watch_reply(call, result, wanted, headers)
    return result


def _one(call: Call, result: One, wanted: MediaTypeOptions, headers: Headers) -> Response:
    version = call.served.version
    if wanted.view:
        return _respond(result.status, view(call, [working(call.served, result.entry)], wanted, None), wanted, headers)
    if wanted.media_type == YAML or not is_spliced(call, result.entry):
        return _respond(result.status, shown(call, result.entry), wanted, headers)
    return Response(
        result.status, head(version.api_version, call.served.kind.name) + result.entry.body + b"\n", headers=headers
    )


def _many(call: Call, result: Many, wanted: MediaTypeOptions, headers: Headers) -> Response:
    meta = list_meta(result)
    if wanted.view:
        objects = [working(call.served, entry) for entry in result.entries]
        return _respond(200, view(call, objects, wanted, meta), wanted, headers)
    if wanted.media_type == YAML:
        return _respond(200, list_tree(call, result), wanted, headers)
    version = call.served.version
    start = b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":[' % (
        call.served.kind.list_kind.encode(),
        version.api_version.encode(),
        orjson.dumps(meta),
    )
    return Response(200, start, headers=headers, chunks=(_joined(call, result.entries), b"]}\n"))


def _joined(call: Call, entries: Sequence[Cached]) -> bytes:
    version, opening = call.served.version, b"{"
    if version.structure is not None:  # custom resources say what they are in lists, too
        opening = head(version.api_version, call.served.kind.name)
        if not all_stored(call.served, entries):
            return b",".join(_typed(call, entry, opening) for entry in entries)
    if version.convert is not None:
        return b",".join(orjson.dumps(_item(call, entry)) for entry in entries)
    return entries.joined(opening) if isinstance(entries, Items) else join(entries, opening)


def _typed(call: Call, entry: Cached, opening: bytes) -> bytes:
    return opening + entry.body if is_spliced(call, entry) else orjson.dumps(shown(call, entry))


def _item(call: Call, entry: Cached) -> Object:
    """A list item: without its type, as typed lists have it."""
    tree = shown(call, entry)
    if call.served.version.structure is not None:
        return tree
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
        "kind": call.served.kind.list_kind,
        "apiVersion": call.served.version.api_version,
        "metadata": list_meta(result),
        "items": [_item(call, entry) for entry in result.entries],
    }


def computed_list(call: Call, result: Computed) -> Object:
    """A list of what is not stored, as a tree."""
    version = call.served.version
    listed = [{name: obj[name] for name in obj if name not in ("apiVersion", "kind")} for obj in result.objects]
    return {"kind": call.served.kind.list_kind, "apiVersion": version.api_version, "metadata": {}, "items": listed}


def _respond(status: int, tree: Any, wanted: MediaTypeOptions, headers: Headers) -> Response:
    if wanted.media_type == YAML:
        return Response(status, yamlio.dump_yaml(tree), content_type=YAML, headers=headers)
    return Response(status, orjson.dumps(tree) + b"\n", headers=headers)
