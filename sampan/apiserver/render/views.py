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
    kind = "list" if meta is not None else "single"
    raise NotAcceptable(f"you requested {wanted.view}, but the requested object is a {kind} object")


def event_view(call: Call, wanted: MediaTypeOptions, now: Callable[[], datetime]) -> Callable[[Object], Object]:
    """The view of one watch event after another, as of `now`; only the first Table has column definitions."""
    if wanted.view != "Table":
        return lambda obj: tables.partial_metadata(obj, wanted.view_api_version)
    first = [True]

    def row(obj: Object) -> Object:
        headers = bool(first) and first.pop()
        given = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        return _table(call, [obj], wanted, given, now(), headers=headers)

    return row


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
