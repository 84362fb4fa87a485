"""JSON Merge Patch (RFC 7386): objects are merged, null removes, everything else replaces.

Called through patches.py.
"""

from typing import Any

from sampan.machinery.errors import BadRequest
from sampan.machinery.tree import deep_copy


def merge_patch(obj: Any, patch: Any) -> Any:
    """The tree with the patch merged in; `obj` may be changed, `patch` is not. Raises BadRequest."""
    if not isinstance(patch, dict):
        raise BadRequest("Invalid JSON Patch")
    return _merge(obj, patch)


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return deep_copy(patch)
    result = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), value)
    return result
