"""Other servers' OpenAPI v2 documents made one with ours: their paths, and the definitions that those need. Pure.

Called by the API server's aggregation. Where a name means something else here, theirs gets another one, as upstream's
does (k8s.io/kube-openapi/pkg/aggregator). Parameters that are named once and referred to are put where they are used.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sampan.machinery.meta import Object

_DEFINITIONS, _PARAMETERS = "#/definitions/", "#/parameters/"
_GVK = "x-kubernetes-group-version-kind"
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})


class Fragment(NamedTuple):
    """A part of a document that stands for itself."""

    paths: Mapping[str, Object]
    definitions: Mapping[str, Object]


def fragment(document: Object, roots: Iterable[str]) -> Fragment:
    """What is below some paths, with all that it refers to. Raises KeyError, TypeError, ValueError for nonsense."""
    wanted, shared = tuple(roots), document.get("parameters") or {}
    paths = {
        path: _path_item(item, shared)
        for path, item in document["paths"].items()
        if any(path.rstrip("/") == root or path.startswith(f"{root}/") for root in wanted)
    }
    return Fragment(paths, _needed(paths, document.get("definitions") or {}))


def merge(document: Object, fragments: Iterable[Fragment]) -> Object:
    """The document with the fragments in it; its own paths stay."""
    paths, definitions = dict(document["paths"]), dict(document["definitions"])
    for one in fragments:
        names = _names(one.definitions, definitions)
        definitions |= {names[name]: _renamed(schema, names) for name, schema in one.definitions.items()}
        paths |= {path: _renamed(item, names) for path, item in one.paths.items() if path not in paths}
    return document | {"paths": dict(sorted(paths.items())), "definitions": dict(sorted(definitions.items()))}


def _path_item(item: Object, shared: Mapping[str, Object]) -> Object:
    """With what readers take for granted in every operation."""
    made = {name: value for name, value in item.items() if name not in _METHODS}
    made["parameters"] = _parameters(item, shared)
    for method in _METHODS & item.keys():
        operation = {"operationId": "", "consumes": ["*/*"], "produces": ["application/json"], **item[method]}
        made[method] = operation | {"parameters": _parameters(operation, shared)}
    return made


def _parameters(owner: Object, shared: Mapping[str, Object]) -> list[Object]:
    return [_resolved(parameter, shared) for parameter in owner.get("parameters") or ()]


def _resolved(parameter: Object, shared: Mapping[str, Object]) -> Object:
    reference: str = parameter.get("$ref", "")
    return shared[reference.removeprefix(_PARAMETERS)] if reference.startswith(_PARAMETERS) else parameter


def _needed(paths: Mapping[str, Object], definitions: Mapping[str, Object]) -> dict[str, Object]:
    found: dict[str, Object] = {}
    waiting = list(_references(paths))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions[name]
            waiting += _references(found[name])
    return found


def _references(tree: Any) -> Iterator[str]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
            reference = node.get("$ref")
            if isinstance(reference, str) and reference.startswith(_DEFINITIONS):
                yield reference.removeprefix(_DEFINITIONS)


def _names(theirs: Mapping[str, Object], ours: Mapping[str, Object]) -> dict[str, str]:
    """What each definition is called: its own name where that is free, or means the same."""
    return {name: next(_free(name, schema, ours)) for name, schema in theirs.items()}


def _free(name: str, schema: Object, ours: Mapping[str, Object]) -> Iterator[str]:
    number = 1
    while True:
        tried = name if number == 1 else f"{name}_v{number}"
        if tried not in ours or _bare(ours[tried]) == _bare(schema):
            yield tried
        number += 1


def _bare(schema: Object) -> Object:
    """Without the kinds, of which each server knows its own."""
    return {name: value for name, value in schema.items() if name != _GVK}


def _renamed(tree: Any, names: Mapping[str, str]) -> Any:
    if isinstance(tree, list):
        return [_renamed(item, names) for item in tree]
    if not isinstance(tree, dict):
        return tree
    made = {name: _renamed(value, names) for name, value in tree.items()}
    reference = tree.get("$ref")
    if isinstance(reference, str) and reference.startswith(_DEFINITIONS):
        name = reference.removeprefix(_DEFINITIONS)
        made["$ref"] = _DEFINITIONS + names.get(name, name)
    return made
