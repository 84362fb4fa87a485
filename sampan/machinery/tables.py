"""What `kubectl get` prints: objects as a Table, or as their metadata alone.

The cells come from `Kind.columns`. Called by the API server for lists and watches that accept `as=Table` or
`as=PartialObjectMetadata`. Rules: "Receiving resources as Tables" in the API concepts page; the meta.k8s.io/v1 types.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sampan.machinery.durations import duration_human
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object, parse_time

UNKNOWN = "<unknown>"
META_V1 = "meta.k8s.io/v1"

_NAME_TEXT = (
    "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a "
    "client to request the generation of an appropriate name automatically. Name is primarily intended for creation "
    "idempotence and configuration definition. Cannot be updated. More info: "
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
)
_AGE_TEXT = (
    "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed "
    "to be set in happens-before order across separate operations. Clients may not set this value. It is represented "
    "in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
)


def age(obj: Mapping[str, Any], now: datetime) -> str:
    """How long an object has existed, for the Age column."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def since(timestamp: str | None, now: datetime) -> str:
    """How long ago a metav1.Time was, as ages are printed; `<unknown>` for none."""
    if not timestamp:
        return UNKNOWN
    return duration_human((now - parse_time(timestamp)).total_seconds())


def name(obj: Mapping[str, Any], now: datetime) -> str:
    """The cell of the Name column."""
    return str(obj["metadata"].get("name", ""))


NAME = Column("Name", name, format="name", description=_NAME_TEXT)
AGE = Column("Age", age, description=_AGE_TEXT)


def columns_of(kind: Kind) -> tuple[Column, ...]:
    """The columns of a kind: its own, or Name and Age."""
    return kind.columns or (NAME, AGE)


def table(
    kind: Kind,
    objects: Iterable[Object],
    now: datetime,
    include_object: str = "Metadata",
    *,
    metadata: Object | None = None,
    headers: bool = True,
    api_version: str = META_V1,
) -> Object:
    """Objects as a Table. `include_object` is the query parameter: None, Metadata (default) or Object.

    `metadata` is the ListMeta to pass on (resourceVersion, continue). `headers` False leaves the column definitions
    out, as watch events after the first do.
    """
    columns = columns_of(kind)
    result: Object = {"kind": "Table", "apiVersion": api_version, "metadata": metadata or {}}
    result["columnDefinitions"] = [_definition(column) for column in columns] if headers else None
    cells = [column.cell for column in columns]
    result["rows"] = [
        {"cells": [cell(obj, now) for cell in cells], "object": _row_object(obj, include_object, api_version)}
        for obj in objects
    ]
    return result


def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description or column.name,
        "priority": column.priority,
    }


def _row_object(obj: Object, include_object: str, api_version: str) -> Object | None:
    if include_object == "None":
        return None
    return obj if include_object == "Object" else partial_metadata(obj, api_version)


def partial_metadata(obj: Object, api_version: str = META_V1) -> Object:
    """The metadata of an object alone, as a PartialObjectMetadata; shares the metadata with `obj`."""
    return {"kind": "PartialObjectMetadata", "apiVersion": api_version, "metadata": obj["metadata"]}


def partial_metadata_list(
    objects: Iterable[Object], metadata: Object | None = None, api_version: str = META_V1
) -> Object:
    """A PartialObjectMetadataList; `metadata` is the ListMeta to pass on."""
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": api_version,
        "metadata": metadata or {},
        "items": [partial_metadata(obj, api_version) for obj in objects],
    }
