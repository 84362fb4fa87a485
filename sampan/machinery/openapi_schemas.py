"""Definitions of the field schema as OpenAPI schemas, of version 2 or 3, with descriptions and Kubernetes's extensions.

Called by openapi.py only. Form: what an upstream API server publishes, which `kubectl explain`, client-side strategic
merge and code generators read.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sampan.machinery.descriptions import Descriptions
from sampan.machinery.schema import Definition, Field, zero
from sampan.machinery.schema import Schema as FieldSchema
from sampan.machinery.structural.publishing import Publisher, Texts

Schema = dict[str, Any]

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
TIME, MICRO_TIME = _META + "Time", _META + "MicroTime"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
LIST_META, STATUS, DELETE_OPTIONS, PATCH = (_META + name for name in ("ListMeta", "Status", "DeleteOptions", "Patch"))

_NAMED = {"time": TIME, "micro-time": MICRO_TIME, "quantity": QUANTITY, "int-or-string": INT_OR_STRING}
_SCALARS: dict[str, Schema] = {
    "string": {"type": "string"},
    "bytes": {"type": "string", "format": "byte"},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
}
_WITHOUT_FIELDS: dict[str, Schema] = {
    TIME: {"type": "string", "format": "date-time"},
    MICRO_TIME: {"type": "string", "format": "date-time"},
}
_IN_VERSION: dict[int, dict[str, Schema]] = {
    2: {QUANTITY: {"type": "string"}, INT_OR_STRING: {"type": "string", "format": "int-or-string"}},
    3: {
        QUANTITY: {"oneOf": [{"type": "string"}, {"type": "number"}]},
        INT_OR_STRING: {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"},
    },
}
_PREFIX = {2: "#/definitions/", 3: "#/components/schemas/"}


class CustomType(NamedTuple):
    """A type of custom resources."""

    tree: Mapping[str, Any] | None  # JSONSchemaProps
    gvk: dict[str, str]
    list_kind: str
    plural: str
    preserves_unknown: bool


class Schemas:
    """The schemas of one document: asking for a reference brings the schema in."""

    def __init__(
        self,
        version: int,
        schema: FieldSchema,
        kinds: Mapping[str, list[dict[str, str]]],
        custom: Mapping[str, CustomType] | None = None,
    ) -> None:
        """`version` of OpenAPI; `kinds`: the group-version-kinds of the definitions that are kinds; `custom`: the types
        that the field schema lacks."""
        self._version, self._schema, self._kinds, self._custom = version, schema, kinds, custom or {}
        self._descriptions = Descriptions(schema)
        self._wanted: list[str] = []
        self._made: dict[str, Schema] = {}

    def ref(self, name: str) -> Schema:
        """A reference to a definition."""
        if name not in self._made:
            self._made[name] = {}
            self._wanted.append(name)
        return {"$ref": _PREFIX[self._version] + name}

    def all(self) -> dict[str, Schema]:
        """Every schema that is referred to, also by others, sorted."""
        while self._wanted:
            name = self._wanted.pop()
            self._made[name] = self._definition(name)
        return dict(sorted(self._made.items()))

    def _definition(self, name: str) -> Schema:
        special = _WITHOUT_FIELDS.get(name) or _IN_VERSION[self._version].get(name)
        if special is not None:
            return dict(special)
        listed = name.removesuffix("List")
        if (custom := self._custom.get(name) or self._custom.get(listed)) is not None:
            return self._custom_schema(name, listed, custom)
        if name not in self._schema:
            return self._list_schema(name, listed) if listed in self._schema else {"type": "object"}
        return self._object(self._schema.definition(name))

    def _custom_schema(self, name: str, item: str, custom: CustomType) -> Schema:
        publisher = Publisher(self._version, self.ref, Texts.of(self._descriptions))
        if name in self._custom:
            return publisher.of_kind(custom.tree, custom.gvk, preserve_unknown=custom.preserves_unknown)
        return publisher.of_list(item, custom.gvk, custom.list_kind, custom.plural)

    def _object(self, definition: Definition) -> Schema:
        texts = self._descriptions.of(definition.name)
        result: Schema = {"type": "object"}
        if texts.text:
            result["description"] = texts.text
        if definition.fields:
            result["properties"] = {
                name: self._field(field, texts.fields.get(name, ""))
                for name, field in sorted(definition.fields.items())
            }
        if definition.required:
            result["required"] = list(definition.required)
        if definition.map_type:
            result["x-kubernetes-map-type"] = definition.map_type
        if definition.name in self._kinds:
            result["x-kubernetes-group-version-kind"] = self._kinds[definition.name]
        return result

    def _list_schema(self, name: str, item: str) -> Schema:
        """The list of a kind whose list type the field schema lacks, as for legacy versions."""
        short = item.rpartition(".")[2]
        result: Schema = {
            "type": "object",
            "description": f"{short}List is a list of {short}.",
            "properties": {
                "apiVersion": {"type": "string"},
                "items": {"type": "array", "items": self.ref(item)},
                "kind": {"type": "string"},
                "metadata": self.ref(LIST_META),
            },
            "required": ["items"],
        }
        if name in self._kinds:
            result["x-kubernetes-group-version-kind"] = self._kinds[name]
        return result

    def _field(self, field: Field, description: str) -> Schema:
        extras: Schema = {}
        if description:
            extras["description"] = description + self._values_text(field)
        if self._version == 3 and field.always and field.type not in ("array", "map", "any"):
            extras |= {"default": zero(field)} if zero(field) is not None else {}
        return self._typed(field, extras) | _extensions(field)

    def _values_text(self, field: Field) -> str:
        """Upstream lists the values of an enumerated type at the end of its description, in version 3."""
        if self._version != 3 or not field.enum:
            return ""
        return "\n\nPossible enum values:\n" + "\n".join(f' - `"{value}"`' for value in field.enum)

    def _typed(self, field: Field, extras: Schema) -> Schema:
        if name := field.ref or _NAMED.get(field.type, ""):
            if self._version == 3 and extras:
                return {"allOf": [self.ref(name)], **extras}
            return self.ref(name) | extras
        if field.items is not None:
            items = self._typed(field.items, self._item_extras(field))
            return (
                {"type": "array", "items": items, **extras}
                if field.type == "array"
                else {"type": "object", "additionalProperties": items, **extras}
            )
        result = dict(_SCALARS.get(field.type, {"type": "object"})) | extras
        if field.format:
            result["format"] = field.format
        if self._version == 3 and field.enum:
            result["enum"] = list(field.enum)
        return result

    def _item_extras(self, field: Field) -> Schema:
        """Upstream's generator gives the items of lists and maps their Go zero value as default."""
        if self._version == 2 or field.items is None or field.items.type in ("array", "map", "any", "quantity"):
            return {}
        default = zero(field.items)
        enum = {"enum": list(field.enum)} if field.enum else {}
        return enum | ({"default": default} if default is not None else {})


def _extensions(field: Field) -> Schema:
    given = {
        "x-kubernetes-list-map-keys": list(field.list_map_keys),
        "x-kubernetes-list-type": field.list_type,
        "x-kubernetes-map-type": field.map_type,
        "x-kubernetes-patch-merge-key": field.merge_key,
        "x-kubernetes-patch-strategy": ",".join(field.patch_strategies),
    }
    return {name: value for name, value in given.items() if value}


def kinds_of(served: Iterable[tuple[str, dict[str, str]]]) -> dict[str, list[dict[str, str]]]:
    """Definition -> group-version-kinds, lists included, from pairs of a kind's definition and group-version-kind."""
    result: dict[str, list[dict[str, str]]] = {}
    for definition, gvk in served:
        result.setdefault(definition, []).append(gvk)
        result.setdefault(definition + "List", []).append({**gvk, "kind": gvk["kind"] + "List"})
    return result
