"""ConfigMap: configuration as keys and values."""

from datetime import datetime
from typing import Any

from sampan.kinds.checks import Errors
from sampan.kinds.columns import AGE, NAME
from sampan.kinds.core.keyed_data import MAX_SIZE, base64_size, keys, unchanged_if_immutable
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, invalid, too_long

DATA, BINARY_DATA = Path("data"), Path("binaryData")


def _data(obj: Object) -> dict[str, str]:
    return obj.get("data") or {}


def _binary_data(obj: Object) -> dict[str, str]:
    return obj.get("binaryData") or {}


def _validate(obj: Object) -> Errors:
    yield from keys(_data(obj), DATA)
    yield from keys(_binary_data(obj), BINARY_DATA)
    for key in _data(obj):
        if key in _binary_data(obj):
            yield invalid(DATA.key(key), key, "duplicate of key present in binaryData")
    size = sum(len(text.encode()) for text in _data(obj).values())
    size += sum(map(base64_size, _binary_data(obj).values()))
    if size > MAX_SIZE:
        yield too_long("[]", MAX_SIZE)


def _validate_update(new: Object, old: Object) -> Errors:
    return unchanged_if_immutable(new, old, "data", "binaryData")


def _count(obj: Object, now: datetime) -> Any:
    return len(_data(obj)) + len(_binary_data(obj))


KIND = Kind(
    name="ConfigMap",
    plural="configmaps",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.ConfigMap"),),
    short_names=("cm",),
    columns=(NAME, Column("Data", _count, type="integer", description="Number of keys."), AGE),
    validate=_validate,
    validate_update=_validate_update,
    has_status=False,
    has_generation=False,
)
