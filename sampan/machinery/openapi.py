"""OpenAPI documents: version 3 per group and version (`/openapi/v3/...`), version 2 of everything (`/openapi/v2`).

Built from kinds, the field schema and descriptions when they are asked for, in up to a tenth of a second. Called by the
API server, in a thread. Clients: `kubectl explain` (3, and 2 before 1.27), `kubectl apply` and `create` (patch types,
fieldValidation).
"""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cached_property

import orjson

from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.openapi_paths import Operation, Parameter, PathItem, paths_of, tag
from sampan.machinery.openapi_schemas import CustomType, Schemas, kinds_of
from sampan.machinery.schema import Schema

_JSON = "application/json"
_PATH_TEXTS = {"name": "name of the object", "namespace": "object name and auth scope, such as for teams and projects"}


class Documents:
    """The documents of a set of kinds. All are JSON bytes; equal kinds give equal bytes. Who asks keeps them."""

    def __init__(self, kinds: Iterable[Kind], schema: Schema, version: str) -> None:
        """`schema` has the definitions; `version` is the release that info.version names, such as v1.37.0."""
        self._kinds, self._schema = tuple(kinds), schema
        self._release = version

    @cached_property
    def index(self) -> bytes:
        """The answer to GET /openapi/v3: where the documents are. Their URLs change when their contents do."""
        urls = {
            place: {"serverRelativeURL": f"/openapi/v3/{place}?hash={self.fingerprint(place)}"}
            for place in self._places
        }
        return orjson.dumps({"paths": urls})

    def fingerprint(self, place: str) -> str:
        """What changes when the document of a place does; "" where there is none."""
        return self._fingerprints.get(place, "")

    def v3(self, place: str) -> bytes | None:
        """The document of `api/v1` or `apis/apps/v1`; None where there is none."""
        return self._make_v3(place) if place in self._places else None

    def v2(self) -> bytes:
        """The document of all groups and versions."""
        schemas = Schemas(2, self._schema, self._gvks, self._custom)
        paths = {item.path: _render_v2(item, version, schemas) for item, version in self._paths(self._kinds)}
        document = {"swagger": "2.0", "info": self._info, "paths": dict(sorted(paths.items()))}
        return orjson.dumps(document | {"definitions": schemas.all()})

    def _make_v3(self, place: str) -> bytes:
        schemas = Schemas(3, self._schema, self._gvks, self._custom)
        found = self._paths(self._kinds, place)
        paths = {item.path: _render_v3(item, version, schemas) for item, version in found}
        document = {"openapi": "3.0.0", "info": self._info, "paths": dict(sorted(paths.items()))}
        return orjson.dumps(document | {"components": {"schemas": schemas.all()}})

    def _paths(self, kinds: Iterable[Kind], place: str = "") -> Iterator[tuple[PathItem, ServedVersion]]:
        for kind in kinds:
            for version in kind.versions:
                if not place or _place(version) == place:
                    yield from ((item, version) for item in paths_of(version.kind or kind, version))

    @cached_property
    def _places(self) -> list[str]:
        return sorted({_place(version) for kind in self._kinds for version in kind.versions})

    @cached_property
    def _gvks(self) -> dict[str, list[dict[str, str]]]:
        return kinds_of(
            (version.definition, {"group": version.group, "kind": kind.name, "version": version.version})
            for kind in self._kinds
            for version in kind.versions
        )

    @property
    def _info(self) -> Object:
        return {"title": "Kubernetes", "version": self._release}

    @cached_property
    def _custom(self) -> dict[str, CustomType]:
        return {
            version.definition: CustomType(
                version.structure.published,
                {"group": version.group, "kind": kind.name, "version": version.version},
                kind.list_kind,
                kind.plural,
                version.structure.preserves_unknown,
            )
            for kind in self._kinds
            for version in kind.versions
            if version.structure is not None
        }

    @cached_property
    def _fingerprints(self) -> dict[str, str]:
        found = {place: hashlib.sha256(self._release.encode()) for place in self._places}
        for kind in self._kinds:
            for version in kind.versions:
                found[_place(version)].update(repr(_facts(version.kind or kind, version)).encode())
        return {place: digest.hexdigest().upper() for place, digest in found.items()}


def _facts(kind: Kind, version: ServedVersion) -> tuple[object, ...]:
    """All that a document says of a kind, in short."""
    published = version.structure.digest if version.structure else ""
    return (kind.name, kind.plural, kind.verbs, version.definition, kind.has_status, kind.scale, published)


def _place(version: ServedVersion) -> str:
    return f"apis/{version.api_version}" if version.group else f"api/{version.version}"


def _common(operation: Operation, version: ServedVersion) -> Object:
    return {
        "description": operation.description,
        "operationId": operation.id,
        "tags": [tag(version)],
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": operation.gvk,
    }


def _path_names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _render_v3(item: PathItem, version: ServedVersion, schemas: Schemas) -> Object:
    result: Object = {operation.method: _operation_v3(operation, version, schemas) for operation in item.operations}
    result["parameters"] = [
        {"name": name, "in": "path", "required": True, "description": _PATH_TEXTS[name], "schema": _STRING}
        for name in _path_names(item.path)
    ]
    return result


_STRING = {"type": "string", "uniqueItems": True}


def _operation_v3(operation: Operation, version: ServedVersion, schemas: Schemas) -> Object:
    result = _common(operation, version)
    result["parameters"] = [
        {"name": p.name, "in": "query", "description": p.description, "schema": {"type": p.type, "uniqueItems": True}}
        for p in operation.parameters
    ]
    if operation.body:
        schema = schemas.ref(operation.body)
        media_types = operation.media_types if operation.method == "patch" else ("*/*",)
        result["requestBody"] = {"content": {media_type: {"schema": schema} for media_type in media_types}}
    answer = {"content": {_JSON: {"schema": schemas.ref(operation.answer)}}}
    result["responses"] = {str(code): {"description": _reason(code), **answer} for code in operation.codes}
    result["responses"]["401"] = {"description": "Unauthorized"}
    return result


def _render_v2(item: PathItem, version: ServedVersion, schemas: Schemas) -> Object:
    result: Object = {operation.method: _operation_v2(operation, version, schemas) for operation in item.operations}
    result["parameters"] = [
        {"name": name, "in": "path", "required": True, "description": _PATH_TEXTS[name]} | _STRING
        for name in _path_names(item.path)
    ]
    return result


def _operation_v2(operation: Operation, version: ServedVersion, schemas: Schemas) -> Object:
    result = _common(operation, version)
    result["consumes"] = list(operation.media_types) if operation.method == "patch" else ["*/*"]
    result["produces"] = [_JSON, "application/yaml"]
    result["schemes"] = ["https"]
    result["parameters"] = [_parameter_v2(parameter) for parameter in operation.parameters]
    if operation.body:
        required = operation.method != "delete"
        body = {"name": "body", "in": "body", "schema": schemas.ref(operation.body)}
        result["parameters"].insert(0, body | ({"required": True} if required else {}))
    answer = {"schema": schemas.ref(operation.answer)}
    result["responses"] = {str(code): {"description": _reason(code), **answer} for code in operation.codes}
    result["responses"]["401"] = {"description": "Unauthorized"}
    return result


def _parameter_v2(parameter: Parameter) -> Object:
    given = {"name": parameter.name, "in": "query", "description": parameter.description, "type": parameter.type}
    return given | {"uniqueItems": True}


def _reason(code: int) -> str:
    return {200: "OK", 201: "Created", 202: "Accepted"}[code]
