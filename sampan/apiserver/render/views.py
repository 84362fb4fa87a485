"""Views: objects as a Table or reduced to their metadata, for lists, single objects and watch events."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sampan.apiserver.accept import MediaTypeOptions
from sampan.apiserver.call import Call
from sampan.apiserver.render.versions import in_version
from sampan.machinery import tables
from sampan.machinery.errors import BadRequest, NotAcceptable
from sampan.machinery.meta import Object

_INCLUDES = ("", "None", "Metadata", "Object")


def view(call: Call, objects: list[Object], wanted: MediaTypeOptions, meta: dict[str, Any] | None) -> Object:
    """Stored objects in the wanted view; `meta` is the ListMeta of a list, None for a single object."""
    if wanted.view == "Table":
        given = meta if meta is not None else {"resourceVersion": objects[0]["metadata"].get("resourceVersion", "")}
        return _table(call, objects, wanted, given, call.now, headers=True)
    if wanted.view == "PartialObjectMetadataList" and meta is not None:
        return tables.partial_metadata_list(objects, meta, wanted.view_api_version)
    if wanted.view == "PartialObjectMetadata" and meta is None:
        return tables.partial_metadata(objects[0], wanted.view_api_version)
    is_list = meta is not None
    raise _of_other_number(wanted.view, _go_type(call, is_list), is_list)


def tree_view(tree: Object, wanted: MediaTypeOptions) -> Object:
    """What is only answered in the wanted view: a Status, and what has no columns, as it is."""
    if wanted.view == "Table" or tree["kind"] == "Status":
        return tree
    if wanted.view == "PartialObjectMetadata":
        return tables.partial_metadata(tree, wanted.view_api_version)
    raise _of_other_number(wanted.view, f"v1.{tree['kind']}", is_list=False)


def event_table(call: Call, wanted: MediaTypeOptions, now: Callable[[], datetime]) -> Callable[[Object], Object]:
    """The Table of one watch event after another, as of `now`; only the first has column definitions."""
    first = [True]

    def row(obj: Object) -> Object:
        headers = bool(first) and first.pop()
        given = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        return _table(call, [obj], wanted, given, now(), headers=headers)

    return row


def _of_other_number(view: str, go_type: str, is_list: bool) -> NotAcceptable:
    found = "is a list" if is_list else "is not a list"
    return NotAcceptable(f"you requested {view}, but the requested object {found} (*{go_type})")


def _go_type(call: Call, is_list: bool) -> str:
    """The type that upstream works with, as its messages call it."""
    kind, version = call.served
    if version.structure is not None:
        return "unstructured.UnstructuredList" if is_list else "unstructured.Unstructured"
    return f"{version.group.partition('.')[0] or 'core'}.{kind.list_kind if is_list else kind.name}"


def _table(
    call: Call, objects: list[Object], wanted: MediaTypeOptions, meta: dict[str, Any], now: datetime, *, headers: bool
) -> Object:
    include = call.query.get("includeObject", "")
    if include not in _INCLUDES:
        raise BadRequest(f"unrecognized includeObject value: {include!r}")
    table = tables.table(
        call.served.kind,
        objects,
        now,
        include or "Metadata",
        metadata=meta,
        headers=headers,
        api_version=wanted.view_api_version,
    )
    if include == "Object":
        for row in table["rows"]:
            row["object"] = in_version(call, row["object"])
    return table
