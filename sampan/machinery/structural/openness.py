"""Where server-side apply takes fields that a structural schema does not name, though they are pruned afterwards.

x-kubernetes-preserve-unknown-fields opens all that lies below to apply, while pruning looks at each object by itself;
metadata, also that of embedded resources, is never open. Called by apiserver/verbs/apply.py.
Upstream: kube-openapi (schemaconv/openapi.go, visitSpec), apiextensions-apiserver (builder.go, addEmbeddedProperties).
"""

from collections.abc import Mapping
from typing import Any

from sampan.machinery.fieldsets import Path
from sampan.machinery.structural.schema import Tree


def is_open(published: Tree, path: Path) -> bool:
    """Whether the field at a path, which the schema does not name, may be applied."""
    node: Any = {**published, "x-kubernetes-embedded-resource": True}
    opened = False
    for element in path[:-1]:
        if not isinstance(node, Mapping):
            break
        opened = opened or bool(node.get("x-kubernetes-preserve-unknown-fields"))
        if node.get("x-kubernetes-embedded-resource") and element == "f:metadata":
            return False
        node = _below(node, element)
    return opened


def _below(node: Tree, element: str) -> Any:
    if not element.startswith("f:"):
        return node.get("items")
    return (node.get("properties") or {}).get(element[2:]) or node.get("additionalProperties")
