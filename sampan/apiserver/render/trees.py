"""Trees of what is no single stored object: lists, and the bookmarks of watches.

Called by the serializers, and by local.py for clients that take trees as they are.
"""

from typing import Any

from sampan.apiserver.call import Call, Change, Computed, Many
from sampan.apiserver.render.versions import shown
from sampan.machinery.meta import Object
from sampan.storage.cached import Cached

INITIAL_END = "k8s.io/initial-events-end"
_TYPE = ("apiVersion", "kind")


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
    return _list(call, list_meta(result), [item(call, entry) for entry in result.entries])


def computed_list(call: Call, result: Computed) -> Object:
    """A list of what is not stored, as a tree."""
    return _list(call, {}, [_without_type(obj) for obj in result.objects])


def _list(call: Call, meta: dict[str, Any], items: list[Object]) -> Object:
    kind, version = call.served
    return {"kind": kind.list_kind, "apiVersion": version.api_version, "metadata": meta, "items": items}


def item(call: Call, entry: Cached) -> Object:
    """A list item: without its type, as typed lists have it."""
    tree = shown(call, entry)
    return tree if call.served.version.structure is not None else _without_type(tree)


def _without_type(tree: Object) -> Object:
    return {name: value for name, value in tree.items() if name not in _TYPE}


def bookmark(call: Call, change: Change) -> Object:
    """An object of the kind with nothing but a resourceVersion."""
    meta: dict[str, Any] = {"resourceVersion": str(change.revision), "creationTimestamp": None}
    if change.ends_initial:
        meta["annotations"] = {INITIAL_END: "true"}
    return {"kind": call.served.kind.name, "apiVersion": call.served.version.api_version, "metadata": meta}
