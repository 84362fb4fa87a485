"""Unknown fields: where they are, and their removal. The rare path of decoding.

Called by codec.py when decoding.py has met an unknown field. Path form: sigs.k8s.io/json strict errors.
"""

from typing import Any

from sampan.machinery.schema import Definition, Field

LIMIT = 100  # as many problems as upstream lists


def prune(obj: dict[str, Any], definition: Definition) -> list[str]:
    """Remove what the types do not have, in place; return the paths in document order, at most LIMIT of them."""
    found: list[str] = []
    _prune_object(obj, definition, "", found)
    return found[:LIMIT]


def _prune_object(obj: dict[str, Any], definition: Definition, prefix: str, found: list[str]) -> None:
    fields = definition.fields
    unknown = []
    for key, item in obj.items():
        field = fields.get(key)
        if field is None:
            unknown.append(key)
            found.append(prefix + key)
        elif type(item) is dict or type(item) is list:
            _prune_value(item, field, prefix + key, found)
    for key in unknown:
        del obj[key]


def _prune_value(value: Any, field: Field, path: str, found: list[str]) -> None:
    if value is None:
        return
    if field.type == "object":
        _prune_object(value, field.definition, path + ".", found)
    elif field.items is not None and field.items.type in ("object", "array", "map"):
        below = enumerate(value) if field.type == "array" else value.items()
        for key, item in below:
            _prune_value(item, field.items, f"{path}[{key}]" if field.type == "array" else f"{path}.{key}", found)
