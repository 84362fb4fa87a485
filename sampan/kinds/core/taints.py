"""Taints of nodes: what is wrong with a list of them."""

from collections.abc import Iterable

from sampan.kinds.checks import Errors, required_name
from sampan.machinery.errors import FIELD_DUPLICATE, FieldError
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, invalid, label_value, not_supported, qualified_name, required

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def validate_taints(taints: Iterable[Object] | None, path: Path) -> Errors:
    """Keys are label keys, values label values; a key has an effect once."""
    seen = set()
    for index, taint in enumerate(taints or ()):
        at, effect = path.index(index), taint.get("effect") or ""
        yield from required_name(at.child("key"), taint.get("key"), qualified_name)
        if wrong := label_value(taint.get("value") or ""):
            yield invalid(at.child("value"), taint["value"], ";".join(wrong))
        yield from validate_effect(effect, at.child("effect"))
        if (taint.get("key"), effect) in seen:
            yield FieldError(FIELD_DUPLICATE, str(at), "taints must be unique by key and effect pair", taint)
        seen.add((taint.get("key"), effect))


def validate_effect(effect: str, path: Path | str, *, allow_empty: bool = False) -> Errors:
    """One of the three effects; a toleration may leave it out."""
    if not effect and not allow_empty:
        yield required(path)
    elif effect and effect not in EFFECTS:
        yield not_supported(path, effect, EFFECTS)
