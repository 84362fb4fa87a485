"""Field paths, and the field errors that metadata, declared rules and kinds make. Kinds import validation.py."""

from collections.abc import Iterable
from typing import Any

from sampan.machinery import errors
from sampan.machinery.errors import FieldError


class Path:
    """The path to a field, `spec.containers[0].name`. Immutable; str() is the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def child(self, *fields: str) -> "Path":
        """The path to a field below."""
        below = ".".join(fields)
        return Path(f"{self._text}.{below}" if self._text else below)

    def index(self, position: int) -> "Path":
        """The path to a list item."""
        return Path(f"{self._text}[{position}]")

    def key(self, key: str) -> "Path":
        """The path to an entry of a map."""
        return Path(f"{self._text}[{key}]")

    def __str__(self) -> str:
        return self._text


ROOT = Path()


def required(path: Path | str, detail: str = "") -> FieldError:
    """`path: Required value: detail`."""
    return FieldError(errors.FIELD_REQUIRED, str(path), detail)


def invalid(path: Path | str, value: Any, detail: str = "") -> FieldError:
    """`path: Invalid value: "x": detail`."""
    return FieldError(errors.FIELD_INVALID, str(path), detail, value)


def forbidden(path: Path | str, detail: str = "") -> FieldError:
    """`path: Forbidden: detail`."""
    return FieldError(errors.FIELD_FORBIDDEN, str(path), detail)


def immutable(path: Path | str, value: Any) -> FieldError:
    """`path: Invalid value: "x": field is immutable`."""
    return invalid(path, value, "field is immutable")


def too_long(path: Path | str, limit: int) -> FieldError:
    """`path: Too long: may not be more than N bytes`."""
    return FieldError(errors.FIELD_TOO_LONG, str(path), f"may not be more than {limit} byte{'' if limit == 1 else 's'}")


def not_supported(path: Path | str, value: Any, supported: Iterable[str]) -> FieldError:
    """`path: Unsupported value: "x": supported values: "a", "b"`; the values of a set are sorted."""
    listed = sorted(supported) if isinstance(supported, (set, frozenset)) else supported
    shown = ", ".join(f'"{item}"' for item in listed)
    return FieldError(errors.FIELD_NOT_SUPPORTED, str(path), f"supported values: {shown}", value)


def duplicate(path: Path | str, value: Any) -> FieldError:
    """`path: Duplicate value: "x"`."""
    return FieldError(errors.FIELD_DUPLICATE, str(path), "", value)


def too_many(path: Path | str, count: int, limit: int) -> FieldError:
    """`path: Too many: 7: must have at most 5 items`."""
    return FieldError(
        errors.FIELD_TOO_MANY, str(path), f"must have at most {limit} item{'' if limit == 1 else 's'}", count
    )


def check(path: Path | str, value: Any, wrong: Iterable[str]) -> list[FieldError]:
    """One invalid-value error for each text that a rule of names.py returned."""
    return [invalid(path, value, text) for text in wrong]
