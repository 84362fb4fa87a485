"""A structural schema as types of the field schema, for server-side apply: which fields merge, and by what.

    root, types = definition_of(schema.node, "com.example.v1.Shirt", builtin_schema)

The types are made when they are asked for, `types` is a Schema of their own, and what lies in them refers to it. Fields
of unknown shape (x-kubernetes-preserve-unknown-fields) are granular: whoever sets one owns that one. Lists are atomic
unless their schema says otherwise. Upstream: kube-openapi/pkg/schemaconv, and the defaults of structured-merge-diff.
"""

from collections.abc import Iterator

from sampan.machinery.schema import Definition, Field, Schema
from sampan.machinery.structural.object_meta import OBJECT_META
from sampan.machinery.structural.schema import META_FIELDS, Structural

_UNKNOWN = Field("any", map_type="granular")
_SCALARS = {
    "string": Field("string"),
    "integer": Field("integer", format="int64"),
    "number": Field("number", format="double"),
    "boolean": Field("boolean"),
}


class StructuralTypes(Schema):
    """The types of one structural schema. Names are the root's with the way to the node."""

    def __init__(self, root: Structural, name: str, builtin: Schema) -> None:
        super().__init__({})
        self._nodes: dict[str, Structural] = {name: root}
        self._builtin = builtin

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def names(self) -> list[str]:
        """The names that have been reached so far, sorted."""
        return sorted(self._nodes)

    def definition(self, name: str) -> Definition:
        """The type of a node that a field led to; raises KeyError."""
        found = self._parsed.get(name)
        if found is None:
            found = self._parsed[name] = self._make(name, self._nodes[name])
        return found

    def _make(self, name: str, node: Structural) -> Definition:
        fields = {field: self._field(child, f"{name}.{field}") for field, child in node.properties.items()}
        if node.resource_root or node.embedded:
            fields |= self._meta_fields()
        others = _UNKNOWN if node.preserve_unknown else None
        return Definition(name, fields, node.map_type, schema=self, others=others)

    def _meta_fields(self) -> dict[str, Field]:
        api_version, kind, metadata = META_FIELDS
        own = Field("object", ref=OBJECT_META, always=True, schema=self._builtin)
        return {api_version: _SCALARS["string"], kind: _SCALARS["string"], metadata: own}

    def _field(self, node: Structural, name: str) -> Field:
        if node.int_or_string:
            return Field("int-or-string")
        if node.items is not None and node.type == "array":
            return self._list(node, node.items, name)
        if node.additional is not None:
            return Field("map", items=self._field(node.additional, f"{name}.*"), map_type=node.map_type)
        if node.properties or node.embedded:
            self._nodes[name] = node
            return Field("object", ref=name, map_type=node.map_type, schema=self)
        return _SCALARS.get(node.type) or _untyped(node)

    def _list(self, node: Structural, items: Structural, name: str) -> Field:
        return Field(
            "array",
            items=self._field(items, f"{name}[]"),
            list_type=node.list_type or "atomic",
            list_map_keys=node.list_map_keys,
            key_defaults=tuple(_key_defaults(node, items)),
        )


def _key_defaults(node: Structural, items: Structural) -> Iterator[tuple[str, object]]:
    for key in node.list_map_keys:
        child = items.properties.get(key)
        if child is not None and child.default is not None:
            yield key, child.default


def _untyped(node: Structural) -> Field:
    """An object of which nothing is known, or a list of such things."""
    if node.type == "array":
        return Field("array", items=_UNKNOWN, list_type="atomic")
    return Field("any", map_type="atomic") if node.map_type == "atomic" else _UNKNOWN


def definition_of(node: Structural, name: str, builtin: Schema) -> tuple[Definition, StructuralTypes]:
    """The type of a whole object, and all types below it; `builtin` has ObjectMeta."""
    types = StructuralTypes(node, name, builtin)
    return types.definition(name), types
