"""Conditions of a status, in the common form metav1.Condition: k8s.io/apimachinery/pkg/apis/meta/v1/validation."""

import re
from collections.abc import Iterable

from sampan.kinds.checks import Errors
from sampan.machinery.meta import Object
from sampan.machinery.names import regex_text
from sampan.machinery.validation import (
    Path,
    check,
    duplicate,
    invalid,
    not_supported,
    one_of,
    qualified_name,
    required,
    too_long,
)

STATUSES = ("False", "True", "Unknown")
_MAX_REASON, _MAX_MESSAGE = 1024, 32 * 1024
_REASON = r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_is_reason = re.compile(_REASON).fullmatch
_REASON_TEXT = regex_text(
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
    "characters or '_,:', and must end with an alphanumeric character or '_'",
    _REASON,
    "my_name",
    "MY_NAME",
    "MyName",
    "ReasonA,ReasonB",
    "ReasonA:ReasonB",
)


def validate_conditions(conditions: Iterable[Object], path: Path) -> Errors:
    """Conditions, each of a type of its own."""
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        type_ = condition.get("type") or ""
        if type_ in seen:
            yield duplicate(path.index(index), type_)
        seen.add(type_)
        yield from _condition(condition, path.index(index))


def _condition(condition: Object, path: Path) -> Errors:
    if not (type_ := condition.get("type")):
        yield required(path.child("type"), "is required")
    else:
        yield from check(path.child("type"), type_, qualified_name(type_))
    yield from one_of(path.child("status"), condition.get("status"), STATUSES)
    if (generation := condition.get("observedGeneration") or 0) < 0:
        yield invalid(path.child("observedGeneration"), generation, "must be greater than or equal to zero")
    if not condition.get("lastTransitionTime"):
        yield required(path.child("lastTransitionTime"))
    yield from _reason(condition.get("reason") or "", path.child("reason"))
    if _size(condition.get("message")) > _MAX_MESSAGE:
        yield too_long(path.child("message"), _MAX_MESSAGE)


def _reason(reason: str, path: Path) -> Errors:
    if not reason:
        yield required(path)
        return
    if not _is_reason(reason):
        yield invalid(path, reason, _REASON_TEXT)
    if _size(reason) > _MAX_REASON:
        yield too_long(path, _MAX_REASON)


def _size(text: str | None) -> int:
    return len((text or "").encode(errors="replace"))


def validate_statuses(conditions: Iterable[Object], path: Path) -> Errors:
    """Of conditions in a form of a kind's own: that the status is one of three."""
    for index, condition in enumerate(conditions):
        if (status := condition.get("status") or "") not in STATUSES:
            yield not_supported(path.index(index).child("status"), status, ("True", "False", "Unknown"))
