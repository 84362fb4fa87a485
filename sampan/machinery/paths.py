"""Field paths, and the field errors that metadata and kinds both make. Kinds import validation.py, which has all."""

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
