"""Configuration that a driver is given with a device: opaque to everybody else."""

import orjson

from sampan.kinds.checks import Errors
from sampan.kinds.core.persistent_volume_sources import validate_driver_name
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, invalid, required, too_long

_MOST_PARAMETERS = 10 * 1024


def validate_configuration(config: Object, path: Path, stored: bool = False) -> Errors:
    """`stored`: it was let in before, when there was no limit of its length."""
    if (opaque := config.get("opaque")) is None:
        yield required(path.child("opaque"))
        return
    yield from validate_driver_name(opaque.get("driver") or "", path.child("opaque", "driver"))
    at = path.child("opaque", "parameters")
    yield from validate_json_object(opaque.get("parameters"), at, _MOST_PARAMETERS, stored=stored)


def validate_json_object(value: object, path: Path, longest: int, *, stored: bool = False) -> Errors:
    """Any JSON object (runtime.RawExtension)."""
    if value is None:
        yield required(path)
    elif not stored and len(orjson.dumps(value)) > longest:
        yield too_long(path, longest)
    elif not isinstance(value, dict):
        yield invalid(path, "<value omitted>", "must be a valid JSON object")
