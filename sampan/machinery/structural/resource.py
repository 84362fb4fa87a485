"""The schema of a custom resource in one version: what the API server does with an object, in upstream's order.

    schema = ResourceSchema(openapi_v3_schema, object_meta_reader(field_schema), rules=compiler)
    unknown = schema.read(obj)          # metadata and embedded objects typed, unknown fields and nulls gone
    schema.default(obj)
    errors = schema.validate(obj)       # or validate_update, validate_status_update

The rules for an object's own metadata are in machinery/metadata.py; whoever calls this checks them first. Upstream:
apiserver/customresource_handler.go (unstructuredSchemaCoercer), registry/customresource/{strategy,validator}.go.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from sampan.machinery.errors import (
    FIELD_INVALID,
    FIELD_NOT_SUPPORTED,
    FIELD_REQUIRED,
    FIELD_TOO_LONG,
    FIELD_TOO_MANY,
    FIELD_TYPE_INVALID,
    FieldError,
)
from sampan.machinery.structural.defaulting import default
from sampan.machinery.structural.embedded import embedded_errors
from sampan.machinery.structural.list_types import duplicates
from sampan.machinery.structural.problems import field_errors
from sampan.machinery.structural.ratcheting import Correlation, remaining
from sampan.machinery.structural.reading import ReadMetadata, State, Unreadable, visitor
from sampan.machinery.structural.rules import RuleCompiler, Rules
from sampan.machinery.structural.scale import scale_errors
from sampan.machinery.structural.schema import Structural, Tree
from sampan.machinery.structural.validation import problems

Object = dict[str, Any]

__all__ = ["ResourceSchema", "Unreadable"]

_RULES = b'"x-kubernetes-validations":'
_EMBEDDED = b'"x-kubernetes-embedded-resource":true'
_LIST_TYPES = frozenset((b'"x-kubernetes-list-type":"set"', b'"x-kubernetes-list-type":"map"'))
# Keywords that need a walk of their own; found in a schema's text, which for a megabyte takes 2 ms instead of 50.
_KEYWORDS = (_RULES, _EMBEDDED, *sorted(_LIST_TYPES))
_BLOCKING = {FIELD_NOT_SUPPORTED, FIELD_REQUIRED, FIELD_TOO_LONG, FIELD_TOO_MANY, FIELD_TYPE_INVALID}
_NOT_CHECKED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


class ResourceSchema:
    """Made once per version of a CustomResourceDefinition; compiled as objects need it."""

    def __init__(
        self,
        schema: Tree | None,
        read_metadata: ReadMetadata,
        *,
        rules: RuleCompiler | None = None,
        scale: Mapping[str, str] | None = None,
        preserve_unknown: bool = False,
    ) -> None:
        """`schema` is openAPIV3Schema; `scale` is subresources.scale, `preserve_unknown` the spec's old field."""
        self.node = Structural(schema, resource_root=True)
        text = orjson.dumps(schema)
        self._uses = frozenset(word for word in _KEYWORDS if word in text)
        self.digest = hashlib.sha256(text).hexdigest()
        self._rules = Rules(rules) if rules and _RULES in self._uses else None
        self._scale, self._read_meta = scale, read_metadata
        self.given, self.preserve_unknown = schema, preserve_unknown

    @property
    def has_rules(self) -> bool:
        """Whether there are CEL rules to evaluate, which may take their time."""
        return self._rules is not None

    def read(self, obj: Object, *, stored: bool = False) -> list[str]:
        """Make an object fit to be looked at, in place; returns the paths of unknown fields, which are gone.

        What comes from storage loses malformed metadata; from elsewhere it raises Unreadable.
        """
        state = State(self._read_meta, lenient=stored)
        found = self._read_metadata(obj, stored)
        metadata = obj.pop("metadata", None)
        if not self.preserve_unknown:
            visitor(self.node)(obj, state, None)
        if metadata is not None:
            obj["metadata"] = metadata
        return found + sorted(state.unknown) + sorted(state.metadata)

    def _read_metadata(self, obj: Object, stored: bool) -> list[str]:
        if "metadata" not in obj:
            return []
        holder = {"metadata": obj["metadata"]}
        state = State(self._read_meta, lenient=stored)
        visitor(_METADATA_ONLY)(holder, state, None)
        obj["metadata"] = holder["metadata"]
        return state.metadata

    def default(self, obj: Object) -> None:
        """Give an object its defaults, in place."""
        default(obj, self.node)

    def validate(self, obj: Object) -> list[FieldError]:
        """What is wrong with a new object."""
        found = field_errors(problems(obj, self.node))
        found += scale_errors(obj, self._scale, ("spec", "status"))
        found += self._embedded(obj)
        found += self._duplicates(obj)
        return found + self._rule_errors(found, obj, None, update=False)

    def validate_update(self, new: Object, old: Object) -> list[FieldError]:
        """What is wrong with an object that replaces another, but for what was wrong and has not changed."""
        whole = Correlation(new, old, self.node)
        found = field_errors(remaining(problems(new, self.node), whole, True))
        found += scale_errors(new, self._scale, ("spec", "status"))
        found += self._embedded(new)
        found += self._new_duplicates(new, old)
        return found + self._rule_errors(found, new, old, update=True)

    def validate_status_update(self, new: Object, old: Object) -> list[FieldError]:
        """What is wrong with an object whose status alone is replaced."""
        found: list[FieldError] = []
        status = self.node.properties.get("status")
        if "status" in new and status is not None:
            whole = Correlation(new, old, self.node).below("status")
            found += field_errors(remaining(problems(new["status"], status), whole, False), "status")
        found += scale_errors(new, self._scale, ("status",))
        found += self._new_duplicates(new, old)
        return found + self._rule_errors(found, new, old, update=True)

    def _new_duplicates(self, new: Object, old: Object) -> list[FieldError]:
        found = self._duplicates(new)
        return found if found and not self._duplicates(old) else []

    def _duplicates(self, obj: Object) -> list[FieldError]:
        return list(duplicates(obj, self.node)) if _LIST_TYPES & self._uses else []

    def _embedded(self, obj: Object) -> list[FieldError]:
        return list(embedded_errors(obj, self.node)) if _EMBEDDED in self._uses else []

    def _rule_errors(
        self, found: Iterable[FieldError], new: Object, old: Object | None, *, update: bool
    ) -> list[FieldError]:
        """Rules are not tried on an object that is of the wrong shape: they could not be understood."""
        if self._rules is None:
            return []
        if any(error.type in _BLOCKING for error in found):
            return [FieldError(FIELD_INVALID, "<nil>", _NOT_CHECKED, None)]
        return self._rules.errors(self.node, new, old, update=update)


_METADATA_ONLY = Structural({"x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True})
