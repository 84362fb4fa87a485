"""The codec of a custom resource in one version, and what the catalogue asks for it.

Objects are read by their structural schema instead of a type: unknown fields, defaults and metadata are resource.py's.
A request works in its own version; how its objects come out of storage and go back is custom.py's business. Made by
kinds/apiextensions/custom_kind.py.

Upstream: apiserver/customresource_handler.go (schemaCoercingDecoder, schemaCoercingConverter, unstructuredDefaulter).
"""

from collections.abc import Container
from dataclasses import dataclass

import orjson

from sampan.machinery.codec import Codec
from sampan.machinery.errors import FieldError, Invalid
from sampan.machinery.kind import Kind, Served, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.paths import invalid
from sampan.machinery.schema import Definition
from sampan.machinery.structural.custom import CustomResource
from sampan.machinery.structural.reading import Unreadable
from sampan.machinery.structural.resource import ResourceSchema
from sampan.machinery.structural.schema import Tree

_SHOWN = 1 << 16  # characters of a body in a message


class StructuralCodec(Codec):
    """An ObjectCodec."""

    def __init__(
        self, served: Served, definition: Definition, schema: ResourceSchema, known: Container[tuple[str, str]] = ()
    ) -> None:
        super().__init__(served, definition, lambda obj, state: obj, None, known)
        self._schema = schema

    def default(self, obj: Object) -> None:
        """Give an object of this version its defaults, in place."""
        self._schema.default(obj)

    def _read_fields(self, typed: Object) -> list[str]:
        try:
            return self._schema.read(typed)
        except Unreadable as error:
            raise self._refused(str(error)) from None

    def _problems(self, unknown: list[str], duplicate: list[str]) -> list[str]:
        return duplicate + unknown

    def _identify(self, obj: object) -> Object:
        """Custom resources say what they are; what they must say is a matter of validation."""
        if not isinstance(obj, dict):
            return super()._identify(obj)
        api_version, kind = obj.get("apiVersion"), obj.get("kind")
        for field, value in (("apiVersion", api_version), ("kind", kind)):
            if value is not None and not isinstance(value, str):
                raise self._refused(f".{field} accessor error: {value} is of the type {type(value).__name__}")
        if not kind:
            raise self._refused(f"Object 'Kind' is missing in '{orjson.dumps(obj).decode()[:_SHOWN]}'")
        if api_version and api_version != self.version.api_version:
            return super()._identify(obj)
        wrong = list(self._wrong_type(str(api_version or ""), str(kind)))
        if wrong:
            name = str((obj.get("metadata") or {}).get("name") or "")
            raise Invalid.of(self.kind.name, self.version.group, name, wrong)
        return obj

    def _wrong_type(self, api_version: str, kind: str) -> list[FieldError]:
        found = [] if kind == self.kind.name else [invalid("kind", kind, f"must be {self.kind.name}")]
        if api_version != self.version.api_version:
            found.append(invalid("apiVersion", api_version, f"must be {self.version.api_version}"))
        return found


@dataclass(frozen=True, slots=True)
class CustomStructure:
    """What the objects of one version of a CustomResourceDefinition look like: kind.Structure."""

    definition: Definition
    schema: ResourceSchema
    resource: CustomResource

    @property
    def published(self) -> Tree | None:
        """What OpenAPI says of it."""
        return self.schema.given

    @property
    def digest(self) -> str:
        """Of `published`."""
        return self.schema.digest

    @property
    def preserves_unknown(self) -> bool:
        """Whether unknown fields are kept everywhere."""
        return self.schema.preserve_unknown

    def codec(self, kind: Kind, version: ServedVersion) -> StructuralCodec:
        """The codec of a kind in this version."""
        return StructuralCodec(Served(kind, version), self.definition, self.schema)
