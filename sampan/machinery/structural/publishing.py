"""A structural schema as OpenAPI: version 3 tells it whole, version 2 what old clients can bear.

Both get apiVersion, kind and metadata at the root and in embedded objects. Version 2 has no junctors and no null, and
its readers (kubectl before 1.27) take what is listed for all there is: where null or unknown fields are allowed,
nothing is listed. A schema that is not structural is published as an object of which nothing is said.

Called by who publishes custom resources; texts come from the data files of machinery/descriptions.py. Upstream:
pkg/controller/openapi/{builder,v2}, apiserver/schema/{unfold,kubeopenapi}.go.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sampan.machinery.descriptions import Descriptions
from sampan.machinery.structural.object_meta import OBJECT_META
from sampan.machinery.structural.schema import TYPES, Tree, any_node
from sampan.machinery.structural.structurality import is_structural

Schema = dict[str, Any]
Ref = Callable[[str], Schema]  # from a definition's name to a reference to it

_LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"
_SAMPLE = "io.k8s.api.core.v1.Pod"
_CONVENTIONS = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
_EMBEDDED, _PRESERVE = "x-kubernetes-embedded-resource", "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_ANY_VALUE = ("additionalProperties", "default", "example")  # false and "" are values of these
_JUNCTORS = ("allOf", "oneOf", "anyOf", "not")


@dataclass(frozen=True, slots=True)
class Texts:
    """What is said of the fields that every object has."""

    api_version: str
    kind: str
    metadata: str
    list_metadata: str

    @classmethod
    def of(cls, descriptions: Descriptions) -> "Texts":
        """The texts that built-in kinds have."""
        fields, listed = descriptions.of(_SAMPLE).fields, descriptions.of(_SAMPLE + "List").fields
        return cls(fields["apiVersion"], fields["kind"], fields["metadata"], listed["metadata"])


@dataclass(frozen=True, slots=True)
class Publisher:
    """Makes the schemas of one document."""

    version: int  # of OpenAPI: 2 or 3
    ref: Ref
    texts: Texts

    def of_kind(
        self,
        schema: Tree | None,
        gvk: Mapping[str, str],
        *,
        selectable: Iterable[str] = (),
        preserve_unknown: bool = False,
    ) -> Schema:
        """The schema of a kind's objects; `selectable` are JSON paths, `preserve_unknown` is the spec's old field."""
        made: Schema = {"type": "object"}
        if schema is not None and _is_fit(schema) and not self._says_nothing(schema, preserve_unknown):
            made = self._node(schema)
            made["properties"] = {**made.get("properties", {}), **self._meta_fields()}
        return made | {"x-kubernetes-group-version-kind": [dict(gvk)], **_selectable(selectable)}

    def _says_nothing(self, schema: Tree, preserve_unknown: bool) -> bool:
        return self.version == 2 and bool(schema.get(_PRESERVE) or preserve_unknown)

    def of_list(
        self, item: str, gvk: Mapping[str, str], list_kind: str, plural: str, selectable: Iterable[str] = ()
    ) -> Schema:
        """The schema of a list of a kind whose schema has the name `item`."""
        told = f"List of {plural}. More info: {_CONVENTIONS}"
        items = {"type": "array", "description": told, "items": self.ref(item)}
        metadata = self._described(_LIST_META, self.texts.list_metadata)
        return {
            "type": "object",
            "description": f"{list_kind} is a list of {gvk['kind']}",
            "required": ["items"],
            "properties": {**self._meta_fields(), "metadata": metadata, "items": items},
            "x-kubernetes-group-version-kind": [{**gvk, "kind": list_kind}],
            **_selectable(selectable),
        }

    def _described(self, name: str, text: str) -> Schema:
        """A reference with a text of its own, which version 3 does not allow beside it."""
        if self.version == 3:
            return {"description": text, "allOf": [self.ref(name)]}
        return {**self.ref(name), "description": text}

    def _meta_fields(self) -> Schema:
        return {
            "apiVersion": {"description": self.texts.api_version, "type": "string"},
            "kind": {"description": self.texts.kind, "type": "string"},
            "metadata": self._described(OBJECT_META, self.texts.metadata),
        }

    def _node(self, schema: Tree) -> Schema:
        made = _without_what_version_2_lacks(schema) if self.version == 2 else _unfolded(schema)
        if "properties" in made:
            made["properties"] = {name: self._node(child) for name, child in made["properties"].items()}
        for keyword in ("items", "additionalProperties"):
            if isinstance(made.get(keyword), Mapping):
                made[keyword] = self._node(made[keyword])
        if made.get(_EMBEDDED) and not (self.version == 2 and made.get(_PRESERVE)):
            self._embed(made)
        return made

    def _embed(self, made: Schema) -> None:
        """Say of an embedded object what is true of every object."""
        api_version = f"the versioned schema of this representation of an object. More info: {_CONVENTIONS}#resources"
        kind = f"the type of this object. In CamelCase. More info: {_CONVENTIONS}#types-kinds"
        own = self._meta_fields() | {
            "apiVersion": {"type": "string", "description": f"apiVersion defines {api_version}"},
            "kind": {"type": "string", "description": f"kind is a string value representing {kind}"},
        }
        made["properties"] = {**made.get("properties", {}), **own}
        given = list(made.get("required") or ())
        made["required"] = given + [field for field in ("kind", "apiVersion") if field not in given]


def _is_fit(schema: Tree) -> bool:
    """Whether a schema can be published: one that is structural, and of types that OpenAPI knows."""
    unknown = any_node(schema, lambda one: bool(one.get("type")) and one["type"] not in TYPES)
    return not unknown and is_structural(schema)


def _selectable(paths: Iterable[str]) -> Schema:
    fields = [{"fieldPath": path.removeprefix(".")} for path in paths]
    return {"x-kubernetes-selectable-fields": fields} if fields else {}


def _is_given(keyword: str, value: Any) -> bool:
    if keyword in _ANY_VALUE:
        return value is not None
    return value is not None and value is not False and value != ""


def _unfolded(schema: Tree) -> Schema:
    """A copy in which an int-or-string is spelt out, where it is not yet."""
    made = {keyword: value for keyword, value in schema.items() if _is_given(keyword, value)}
    if not made.get("x-kubernetes-int-or-string"):
        return made
    any_of, all_of = made.get("anyOf"), made.get("allOf") or []
    spelt = any_of == _INT_OR_STRING or (all_of and all_of[0].get("anyOf") == _INT_OR_STRING)
    if not spelt and not any_of:
        made["anyOf"] = _INT_OR_STRING
    elif not spelt:
        made["allOf"] = [{"anyOf": _INT_OR_STRING}, *all_of]
    return made


def _without_what_version_2_lacks(schema: Tree) -> Schema:
    made = {
        keyword: value
        for keyword, value in schema.items()
        if _is_given(keyword, value) and keyword not in _JUNCTORS and keyword != "nullable"
    }
    preserve = bool(schema.get(_PRESERVE))
    if schema.get("nullable") or preserve:
        made.pop("items", None)
        made.pop("properties", None)
    type_ = made.get("type")
    if schema.get("nullable") or (type_ == "array" and "items" not in made) or (type_ == "object" and preserve):
        made.pop("type", None)
    _drop_required(made)
    return made


def _drop_required(made: Schema) -> None:
    """A field that may be null is not required to those who do not know null."""
    properties = made.get("properties") or {}
    needed = [name for name in made.get("required") or () if not (properties.get(name) or {}).get("nullable")]
    additional = made.get("additionalProperties")
    if isinstance(additional, Mapping) and additional.get("nullable"):
        needed = []
    if needed:
        made["required"] = needed
    else:
        made.pop("required", None)
