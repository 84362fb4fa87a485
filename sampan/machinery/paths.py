"""Field paths, and the field errors that metadata and kinds both make. Kinds import validation.py, which has all."""

from typing import Any

from sampan.machinery import errors
from sampan.machinery.errors import FieldError


class Path(str):
    """The path to a field, `spec.containers[0].name`. It is a string and can be used as one."""

    __slots__ = ()

    def child(self, *fields: str) -> "Path":
        """The path to a field below."""
        below = ".".join(fields)
        return Path(f"{self}.{below}" if self else below)

    def index(self, position: int) -> "Path":
        """The path to a list item."""
        return Path(f"{self}[{position}]")

    def key(self, key: str) -> "Path":
        """The path to an entry of a map."""
        return Path(f"{self}[{key}]")


ROOT = Path("")


def required(path: str, detail: str = "") -> FieldError:
    """`path: Required value: detail`."""
    return FieldError(errors.FIELD_REQUIRED, path, detail)


def invalid(path: str, value: Any, detail: str = "") -> FieldError:
    """`path: Invalid value: "x": detail`."""
    return FieldError(errors.FIELD_INVALID, path, detail, value)


def forbidden(path: str, detail: str = "") -> FieldError:
    """`path: Forbidden: detail`."""
    return FieldError(errors.FIELD_FORBIDDEN, path, detail)


def immutable(path: str, value: Any) -> FieldError:
    """`path: Invalid value: "x": field is immutable`."""
    return invalid(path, value, "field is immutable")
