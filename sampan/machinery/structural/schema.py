"""One node of a structural schema: a view of a JSONSchemaProps tree, whose children are made when they are asked for.

Called by everything in this package and by the part that compiles CEL rules. A node keeps what is compiled from it
(`memo`), so that a schema is compiled once, a node at a time, by those who use it. The tree is shared, never changed.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

Tree = Mapping[str, Any]
T = TypeVar("T")

_EMPTY: Tree = {}
# Keywords that hold schemas: by name, and one or a list.
_MAPS = frozenset(("properties", "patternProperties", "definitions", "dependencies"))
_SINGLE = frozenset(("allOf", "anyOf", "oneOf", "items", "not", "additionalProperties", "additionalItems"))
TYPES = frozenset(("string", "number", "integer", "boolean", "array", "object"))
META_FIELDS = ("apiVersion", "kind", "metadata")


class Structural:
    """A node. `raw` is its JSONSchemaProps."""

    def __init__(
        self, raw: Tree | None, *, resource_root: bool = False, max_count: int | None = 1, of_default: bool = False
    ) -> None:
        """`resource_root`: the root of a whole object, which has metadata whether the schema says so or not.

        `max_count` is how many values an object can have at this node at most; None if there is no bound.
        `of_default`: for values that are defaults, of which upstream takes any to be an int-or-string.
        """
        self.raw: Tree = _EMPTY if raw is None else raw
        self.resource_root = resource_root
        self.of_default = of_default
        self.max_count = max_count
        self._memo: dict[str, Any] = {}

    @cached_property
    def type(self) -> str:
        """The declared type, or "" (int-or-string, preserved fields)."""
        return str(self.raw.get("type") or "")

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The JSON types that a value may have; none means any."""
        if self.int_or_string and not self.of_default:
            return ("integer", "string")
        return (self.type,) if self.type else ()

    @cached_property
    def nullable(self) -> bool:
        """Whether null is a value like any other."""
        return bool(self.raw.get("nullable"))

    @cached_property
    def preserve_unknown(self) -> bool:
        """x-kubernetes-preserve-unknown-fields."""
        return bool(self.raw.get("x-kubernetes-preserve-unknown-fields"))

    @cached_property
    def embedded(self) -> bool:
        """x-kubernetes-embedded-resource: a value is an object with apiVersion, kind and metadata."""
        return bool(self.raw.get("x-kubernetes-embedded-resource"))

    @cached_property
    def int_or_string(self) -> bool:
        """x-kubernetes-int-or-string."""
        return bool(self.raw.get("x-kubernetes-int-or-string"))

    @cached_property
    def list_type(self) -> str:
        """x-kubernetes-list-type: set, map, atomic or ""."""
        return str(self.raw.get("x-kubernetes-list-type") or "")

    @cached_property
    def list_map_keys(self) -> tuple[str, ...]:
        """x-kubernetes-list-map-keys."""
        return tuple(self.raw.get("x-kubernetes-list-map-keys") or ())

    @cached_property
    def map_type(self) -> str:
        """x-kubernetes-map-type: granular, atomic or ""."""
        return str(self.raw.get("x-kubernetes-map-type") or "")

    @cached_property
    def rules(self) -> tuple[Tree, ...]:
        """x-kubernetes-validations."""
        return tuple(self.raw.get("x-kubernetes-validations") or ())

    @cached_property
    def default(self) -> Any:
        """The default value; None if there is none (null cannot be one)."""
        return self.raw.get("default")

    @cached_property
    def properties(self) -> dict[str, "Structural"]:
        """The nodes of the named fields."""
        return {name: self._below(raw) for name, raw in (self.raw.get("properties") or {}).items()}

    @cached_property
    def has_additional(self) -> bool:
        """Whether additionalProperties is given at all, be it true, false or a schema."""
        return self.raw.get("additionalProperties") is not None

    @cached_property
    def forbids_additional(self) -> bool:
        """additionalProperties: false."""
        return self.raw.get("additionalProperties") is False

    @cached_property
    def additional(self) -> "Structural | None":
        """The node of fields that are not named, where there is a schema for them."""
        raw = self.raw.get("additionalProperties")
        return self._below(raw, self._multiplied("maxProperties")) if isinstance(raw, Mapping) else None

    @cached_property
    def items(self) -> "Structural | None":
        """The node of a list's items."""
        raw = self.raw.get("items")
        return self._below(raw, self._multiplied("maxItems")) if isinstance(raw, Mapping) else None

    def field(self, name: str) -> "Structural | None":
        """The node of a field by name, be it named or additional."""
        return self.properties.get(name) or self.additional

    def branches(self, junctor: str) -> list["Structural"]:
        """The nodes below allOf, anyOf or oneOf."""
        return [self._below(raw) for raw in self.raw.get(junctor) or ()]

    @cached_property
    def negated(self) -> "Structural | None":
        """The node below `not`."""
        raw = self.raw.get("not")
        return None if raw is None else self._below(raw)

    def memo(self, name: str, compile_it: Callable[["Structural"], T]) -> T:
        """What `compile_it` makes of this node, made once."""
        if name not in self._memo:
            self._memo[name] = compile_it(self)
        return self._memo[name]  # type: ignore[no-any-return]

    def _below(self, raw: Tree, factor: int | None = 1) -> "Structural":
        count = None if factor is None or self.max_count is None else self.max_count * factor
        return Structural(raw, max_count=count, of_default=self.of_default)

    def _multiplied(self, limit: str) -> int | None:
        """By how much a list or map multiplies the values below it."""
        given = self.raw.get(limit)
        return None if given is None else max(int(given), 0)


def any_node(schema: Tree, holds: Callable[[Tree], bool]) -> bool:
    """Whether something holds for any schema of a tree, junctors and all that upstream's SchemaHas visits included."""
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if type(node) is not dict:
            continue
        if holds(node):
            return True
        pending += subschemas(node)
    return False


def subschemas(node: Tree) -> list[Any]:
    """The schemas directly below a schema, of all keywords that hold some."""
    found: list[Any] = []
    for keyword, value in node.items():
        if not value or type(value) not in (dict, list):
            continue
        if keyword in _MAPS:
            found += value.values()
        elif keyword in _SINGLE:
            found += value if type(value) is list else [value]
    return found
