"""What a client is warned of when it brings a schema: formats that mean nothing, sets of what cannot be in one.

Called by custom_resource_definition.py. Upstream: registry/customresourcedefinition/strategy.go (WarningsOnCreate).
"""

from collections.abc import Iterator
from typing import Any

from sampan.machinery.structural.formats import is_known
from sampan.machinery.structural.schema import Tree, subschemas


def schema_warnings(schema: Tree) -> Iterator[str]:
    """The warnings of one schema: each set once, sorted, after the formats."""
    sets: set[str] = set()
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if not isinstance(node, dict):
            continue
        format_ = node.get("format") or ""
        if format_ and not is_known(node.get("type") or "", format_):
            yield f'unrecognized format "{format_}"'
        items = node.get("items")
        if node.get("x-kubernetes-list-type") == "set" and isinstance(items, dict):
            sets |= {items.get("type") or ""} & {"object", "array"}
        pending += reversed(subschemas(node))
    for type_ in sorted(sets):
        what = f'x-kubernetes-list-type: set for items of type "{type_}"'
        yield f"{what} is not supported by server-side apply or CEL validation rules"
