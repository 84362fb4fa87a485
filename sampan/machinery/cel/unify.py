"""Whether a value of one type may stand where another is asked for, and what type parameters then mean.

Upstream: cel-go checker/types.go and checker/mapping.go, whose answers these are.
"""

from collections.abc import Sequence
from dataclasses import replace

from sampan.machinery.cel.types import DYN, Type

Mapping = dict[str, Type]
_NULLABLE = frozenset(("opaque", "struct", "duration", "timestamp", "null"))
_PRIMITIVE = frozenset(("bool", "int", "uint", "double", "string", "bytes"))
_CONTAINERS = frozenset(("opaque", "list", "map"))


def is_dyn(type_: Type) -> bool:
    """Anything goes, or an error was reported already."""
    return type_.kind in ("dyn", "error")


def substitute(mapping: Mapping, type_: Type, to_dyn: bool = False) -> Type:
    """The type with its parameters replaced by what they stand for; unknown ones by dyn if so asked."""
    if not type_.open:
        return type_
    if type_.kind == "param":
        if type_.name in mapping:
            return substitute(mapping, mapping[type_.name], to_dyn)
        return DYN if to_dyn else type_
    return replace(type_, parameters=tuple(substitute(mapping, each, to_dyn) for each in type_.parameters))


def assign(mapping: Mapping, source: Type, target: Type) -> bool:
    """Whether one type is assignable to another; if so the mapping has learned what that implies."""
    return assign_all(mapping, (source,), (target,))


def assign_all(mapping: Mapping, sources: Sequence[Type], targets: Sequence[Type]) -> bool:
    """The same for several at once, all or nothing."""
    if any(map(_never, sources, targets)):
        return False
    trial = dict(mapping)
    if len(sources) != len(targets) or not all(_assign(trial, *pair) for pair in zip(sources, targets, strict=True)):
        return False
    mapping.update(trial)
    return True


def _never(source: Type, target: Type) -> bool:
    """A quick look that settles most overloads: two scalar types that differ."""
    return source.kind != target.kind and source.kind in _PRIMITIVE and target.kind in _PRIMITIVE


def _assign(mapping: Mapping, source: Type, target: Type) -> bool:
    if target.kind == "param":
        valid, known = _substitutes(mapping, source, target)
        if valid or known:
            return valid
    if source.kind == "param":
        return _substitutes(mapping, target, source)[0]
    if is_dyn(source) or is_dyn(target):
        return True
    if source.kind == "null" or target.kind == "null":
        return source.kind in _NULLABLE and target.kind in _NULLABLE
    if source.kind == "type":
        return target.kind == "type"
    if source.kind in _CONTAINERS:
        return (
            source.kind == target.kind
            and source.name == target.name
            and len(source.parameters) == len(target.parameters)
            and all(_assign(mapping, *pair) for pair in zip(source.parameters, target.parameters, strict=True))
        )
    return source.kind == target.kind and source.name == target.name


def _substitutes(mapping: Mapping, given: Type, parameter: Type) -> tuple[bool, bool]:
    """Whether a parameter may mean a type, and whether it already means something."""
    if given == parameter:
        return True, True
    known = mapping.get(parameter.name)
    if known is None:
        if not _free_of(mapping, parameter, given):
            return False, False
        mapping[parameter.name] = given
        return True, False
    if given == known:
        return True, True
    if not _assign(mapping, given, known):
        return False, True
    wider = most_general(given, known)
    if _free_of(mapping, parameter, wider):
        mapping[parameter.name] = wider
    return True, True


def _free_of(mapping: Mapping, parameter: Type, within: Type) -> bool:
    """The occurs check."""
    if parameter == within:
        return False
    if within.kind == "param":
        return within.name not in mapping or _free_of(mapping, parameter, mapping[within.name])
    return all(_free_of(mapping, parameter, each) for each in within.parameters)


def most_general(left: Type, right: Type) -> Type:
    """The more general of two types that are known to agree."""
    return left if _no_more_specific(left, right) else right


def _no_more_specific(left: Type, right: Type) -> bool:
    if left.kind in ("dyn", "param"):
        return True
    if right.kind in ("dyn", "param") or left.kind != right.kind:
        return False
    if left.kind in _CONTAINERS:
        return left.name == right.name and all(map(_no_more_specific, left.parameters, right.parameters))
    return left.kind == "type" or left == right
