"""What an expression of a mutating policy makes of an object: an apply configuration merged in, or a JSON patch. Pure.

Upstream: k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch (smd.go, json_patch.go).
"""

from collections.abc import Iterator
from typing import Any

from sampan.apiserver.admission.dynamic.evaluation import Wrong
from sampan.machinery.apply import merge
from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.errors import APIError
from sampan.machinery.fieldsets import below, is_atomic
from sampan.machinery.kind import ObjectCodec
from sampan.machinery.meta import Object
from sampan.machinery.patches import CheckFailed, json_patch
from sampan.machinery.schema import Definition, Field
from sampan.machinery.tree import deep_copy

_PATCH_FIELDS = ("op", "path", "from", "value")


def applied(made: Any, current: Object, definition: Definition, codec: ObjectCodec) -> Object:
    """The object with an apply configuration merged in, as a new tree. Raises Wrong."""
    wanted = {**_json(made), "apiVersion": current["apiVersion"], "kind": current["kind"]}
    if atomics := list(_atomics(definition.as_field, wanted, "")):
        what = f"may not mutate atomic arrays, maps or structs: {', '.join(atomics)}"
        raise Wrong(f"error applying patch: invalid ApplyConfiguration: {what}")
    try:
        typed, _ = codec.check(deep_copy(wanted))
        if "metadata" not in wanted:
            del typed["metadata"]
        return merge(definition, current, typed)
    except APIError as error:
        why = f"failed to convert patch object to typed object: {error.message}"
        raise Wrong(f"error applying patch: {why}") from error


def patched(made: Any, current: Object) -> Object:
    """The object after a JSON patch, as a new tree; unchanged if a `test` in it fails. Raises Wrong."""
    operations = [{key: _json(one[key]) for key in _PATCH_FIELDS if key in one} for one in made]
    try:
        changed: Object = json_patch(deep_copy(current), operations)
        return changed
    except CheckFailed:
        return current
    except APIError as error:
        raise Wrong(f"JSON Patch: {error.message}") from error


def _json(made: Any) -> Any:
    """A value that an expression made. Raises Wrong where types of objects in objects are not those of their places."""
    from sampan.machinery.cel.compiler import Constructed
    from sampan.machinery.cel.jsonify import to_json
    from sampan.machinery.cel.mutation import mismatched_names

    if isinstance(made, Constructed) and (wrong := mismatched_names(made, made.type_name)):
        newline = "\n"
        raise Wrong(f"type mismatch: {newline.join(wrong)}")
    try:
        return to_json(made)
    except EvaluationError as error:
        raise Wrong(f"JSONPath valueExpression evaluated to a type that could not marshal to JSON: {error}") from error


def _atomics(field: Field, value: Any, path: str) -> Iterator[str]:
    """The paths of what can be replaced as a whole only; setting a part of it would take the rest away."""
    if path and isinstance(value, (dict, list)) and is_atomic(field):
        yield path
    if isinstance(value, dict):
        for name, item in value.items():
            child = below(field, "f:" + name)
            if child is not None and name not in ("apiVersion", "kind"):
                yield from _atomics(child, item, f"{path}.{name}")
    elif isinstance(value, list) and field.items is not None:
        for index, item in enumerate(value):
            yield from _atomics(field.items, item, f"{path}[{index}]")
