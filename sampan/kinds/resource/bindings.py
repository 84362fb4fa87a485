"""Conditions that a device must reach before a pod is bound to its node, and those that tell of failure (KEP-5007)."""

from sampan.kinds.checks import Errors
from sampan.machinery.meta import Object
from sampan.machinery.names import qualified_name
from sampan.machinery.paths import too_many
from sampan.machinery.validation import Path, check, duplicate, invalid

_MOST = 4
_FIELDS = ("bindingConditions", "bindingFailureConditions")


def validate_binding_conditions(device: Object, path: Path) -> Errors:
    """Of a device that is offered, or of one that is allocated: both lists or none, and nothing twice."""
    conditions, failures = (device.get(field) or [] for field in _FIELDS)
    for field, names in zip(_FIELDS, (conditions, failures), strict=True):
        yield from _names(names, path.child(field))
    known = frozenset(conditions)
    for index, name in enumerate(failures):
        if name in known:
            detail = "bindingFailureConditions must not overlap with bindingConditions"
            yield invalid(path.child(_FIELDS[1]).index(index), name, detail)
    for own, other, wanted in ((0, 1, failures), (1, 0, conditions)):
        if wanted and not (conditions, failures)[own]:
            yield invalid(path.child(_FIELDS[own]), [], f"{_FIELDS[own]} are required to use {_FIELDS[other]}")


def _names(names: list[str], path: Path) -> Errors:
    if len(names) > _MOST:
        yield too_many(path, len(names), _MOST)
        return
    for index, name in enumerate(names):
        yield from check(path.index(index), name, qualified_name(name))
        if name in names[:index]:
            yield duplicate(path.index(index), name)
