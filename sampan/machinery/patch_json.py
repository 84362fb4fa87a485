"""JSON Patch (RFC 6902): a list of operations on the places of a tree.

Called through patches.py. Limits and answers: k8s.io/apiserver (patch.go): too many operations are a 413, operations
that do not fit the object a 422.
"""

from typing import Any

import orjson

from sampan.machinery.errors import BadRequest, Invalid, RequestEntityTooLarge
from sampan.machinery.scalars import json_name
from sampan.machinery.tree import deep_copy, is_too_deep

MAX_OPERATIONS = 10_000
MAX_COPIED = 3 * 1024 * 1024  # bytes of JSON that all copy operations of a patch may add
MAX_SHIFTED = 100_000_000  # list items that all operations may push aside

_NOT_FITTING = "the server rejected our request due to an error in our request"
_MISSING = object()


def json_patch(obj: Any, operations: Any) -> Any:
    """The tree after all operations; `obj` may be changed. Raises BadRequest, Invalid, RequestEntityTooLarge."""
    if not isinstance(operations, list):
        raise BadRequest(f"json: cannot unmarshal {json_name(operations)} into Go value of type jsonpatch.Patch")
    if len(operations) > MAX_OPERATIONS:
        text = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        raise RequestEntityTooLarge(f"Request entity too large: {text}")
    document = _Document(obj)
    for operation in operations:
        if not isinstance(operation, dict):
            raise BadRequest(f"json: cannot unmarshal {json_name(operation)} into Go value of type jsonpatch.Operation")
        document.apply(operation)
    if is_too_deep(document.root):
        raise not_fitting()
    return document.root


def not_fitting() -> Invalid:
    """The answer to a well-formed patch that cannot be applied to this object."""
    return Invalid(_NOT_FITTING, details={})


class CheckFailed(Invalid):
    """A `test` operation that does not hold: the answer is the same, but some take it as a condition."""


class _Document:
    """A tree that operations change; `root` is what has become of it."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._copied = 0
        self._shifted = 0

    def apply(self, operation: dict[str, Any]) -> None:
        """Do one operation; raises Invalid."""
        action = getattr(self, f"_{operation.get('op')}", None) if operation.get("op") in _OPERATIONS else None
        if action is None:
            raise not_fitting()
        action(operation)

    def _add(self, operation: dict[str, Any]) -> None:
        self._put(_pointer(operation, "path"), _value(operation))

    def _remove(self, operation: dict[str, Any]) -> None:
        self._take(_pointer(operation, "path"))

    def _replace(self, operation: dict[str, Any]) -> None:
        path, value = _pointer(operation, "path"), _value(operation)
        if not path:
            self.root = value
            return
        parent = self._find(path[:-1])
        if isinstance(parent, dict) and path[-1] in parent:
            parent[path[-1]] = value
        elif isinstance(parent, list):
            parent[_index(path[-1], len(parent))] = value
        else:
            raise not_fitting()

    def _move(self, operation: dict[str, Any]) -> None:
        source, target = _pointer(operation, "from"), _pointer(operation, "path")
        if target[: len(source)] == source and len(target) > len(source):
            raise not_fitting()
        self._put(target, self._take(source))

    def _copy(self, operation: dict[str, Any]) -> None:
        value = self._find(_pointer(operation, "from"))
        if is_too_deep(value):
            raise not_fitting()
        self._copied += len(orjson.dumps(value))
        if self._copied > MAX_COPIED:
            raise not_fitting()
        self._put(_pointer(operation, "path"), deep_copy(value))

    def _test(self, operation: dict[str, Any]) -> None:
        path, wanted = _pointer(operation, "path"), operation.get("value")
        found = self._look(path)
        # A test for null holds where the field is missing, as in upstream's implementation.
        same = wanted is None if found is _MISSING else _same(found, wanted)
        if not same:
            raise CheckFailed(_NOT_FITTING, details={})

    def _find(self, path: list[str]) -> Any:
        found = self._look(path)
        if found is _MISSING:
            raise not_fitting()
        return found

    def _look(self, path: list[str]) -> Any:
        node = self.root
        for token in path:
            if isinstance(node, dict):
                node = node.get(token, _MISSING)
            elif isinstance(node, list):
                node = node[_index(token, len(node))]
            else:
                return _MISSING
        return node

    def _put(self, path: list[str], value: Any) -> None:
        if not path:
            self.root = value
            return
        parent = self._find(path[:-1])
        if isinstance(parent, dict):
            parent[path[-1]] = value
        elif isinstance(parent, list):
            at = len(parent) if path[-1] == "-" else _index(path[-1], len(parent) + 1)
            self._shift(len(parent) - at)
            parent.insert(at, value)
        else:
            raise not_fitting()

    def _take(self, path: list[str]) -> Any:
        if not path:
            raise not_fitting()
        parent = self._find(path[:-1])
        if isinstance(parent, dict) and path[-1] in parent:
            return parent.pop(path[-1])
        if isinstance(parent, list):
            at = _index(path[-1], len(parent))
            self._shift(len(parent) - at)
            return parent.pop(at)
        raise not_fitting()

    def _shift(self, count: int) -> None:
        self._shifted += count
        if self._shifted > MAX_SHIFTED:
            raise not_fitting()


_OPERATIONS = frozenset(("add", "remove", "replace", "move", "copy", "test"))


def _pointer(operation: dict[str, Any], field: str) -> list[str]:
    """The tokens of a JSON Pointer (RFC 6901)."""
    text = operation.get(field)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise not_fitting()
    return [token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:]]


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise not_fitting()
    return deep_copy(operation["value"])  # the patch may be applied again, to a newer object


def _index(token: str, length: int) -> int:
    """The list index that a token names, below `length`."""
    if token.isascii() and token.isdigit() and (token == "0" or token[0] != "0") and len(token) < 10:
        index = int(token)
        if index < length:
            return index
    raise not_fitting()


def _same(left: Any, right: Any) -> bool:
    """Equality of JSON values: 1 is not true."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)
