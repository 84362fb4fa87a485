"""API errors: one class per Status reason.

Raised by every layer that knows the API; `status()` is the only place where they become the `Status` object that
clients see, `from_status` the only way back. Reasons, codes and message forms are those of
k8s.io/apimachinery/pkg/api/errors.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from sampan.machinery.aggregate import aggregated


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid field, in the words of k8s.io/apimachinery/pkg/util/validation/field."""

    type: str  # one of the FIELD_* constants below
    field: str  # spec.containers[0].name
    detail: str = ""
    value: Any = None  # the bad value; None where the type shows none

    def message(self) -> str:
        """The text without the field path, as in Status causes."""
        if self.type in _WITHOUT_VALUE or self.value is OMITTED:
            body = self.type
        else:
            shown = FIELD_INVALID if self.type == FIELD_TYPE_INVALID else self.type
            body = f"{shown}: {_show(self.value)}"
        return f"{body}: {self.detail}" if self.detail else body

    def __str__(self) -> str:
        return f"{self.field}: {self.message()}"


FIELD_REQUIRED = "Required value"
FIELD_INVALID = "Invalid value"
FIELD_DUPLICATE = "Duplicate value"
FIELD_FORBIDDEN = "Forbidden"
FIELD_NOT_FOUND = "Not found"
FIELD_NOT_SUPPORTED = "Unsupported value"
FIELD_TOO_LONG = "Too long"
FIELD_TOO_MANY = "Too many"
FIELD_INTERNAL = "Internal error"
FIELD_TYPE_INVALID = "Invalid value of another type"  # shown as an invalid value, told apart in the causes only

OMITTED: Any = object()  # a bad value that is not to be shown

_SHOWN = 1 << 20  # characters of field errors in one answer
_WITHOUT_VALUE = {FIELD_REQUIRED, FIELD_FORBIDDEN, FIELD_TOO_LONG, FIELD_INTERNAL}
_CAUSE_REASON = {
    FIELD_REQUIRED: "FieldValueRequired",
    FIELD_INVALID: "FieldValueInvalid",
    FIELD_DUPLICATE: "FieldValueDuplicate",
    FIELD_FORBIDDEN: "FieldValueForbidden",
    FIELD_NOT_FOUND: "FieldValueNotFound",
    FIELD_NOT_SUPPORTED: "FieldValueNotSupported",
    FIELD_TOO_LONG: "FieldValueTooLong",
    FIELD_TOO_MANY: "FieldValueTooMany",
    FIELD_INTERNAL: "InternalError",
    FIELD_TYPE_INVALID: "FieldValueTypeInvalid",
}


def _show(value: Any) -> str:
    """A bad value as Go prints it: strings quoted, everything else as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if value is None:
        return "null"
    if isinstance(value, (dict, list)):
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return go_number(value) if isinstance(value, float) else str(value)


def go_number(value: int | float) -> str:
    """A number as Go's `%v` shows it: 10 for 10.0, 1e+21 for what is larger."""
    if isinstance(value, int):
        return str(value)
    if 1e-4 <= abs(value) < 1e21 or value == 0:
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return repr(value) if "." in repr(value) or "e" in repr(value) else f"{value:e}"


class APIError(Exception):
    """Any answer of the API that is not a success. Subclasses fix code and reason."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(
        self,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        code: int | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}
        self._has_details = details is not None  # upstream writes some that are empty
        self.status_code = self.code if code is None else code
        self.status_reason = self.reason if reason is None else reason

    def status(self) -> dict[str, Any]:
        """The v1 Status object of this error."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.status_reason,
        }
        if self._has_details:
            body["details"] = self.details
        body["code"] = self.status_code
        if not self.status_reason:
            del body["reason"]
        return body


class BadRequest(APIError):
    code, reason = 400, "BadRequest"


class Unauthorized(APIError):
    code, reason = 401, "Unauthorized"

    def __init__(self, message: str = "Unauthorized", **extra: Any) -> None:
        super().__init__(message, **extra)


class Forbidden(APIError):
    code, reason = 403, "Forbidden"


class NotFound(APIError):
    code, reason = 404, "NotFound"

    @classmethod
    def of(cls, plural: str, group: str, name: str) -> "NotFound":
        """The error for a missing object of a known kind."""
        return cls(f'{qualified(plural, group)} "{name}" not found', details=_details(name, group, plural))

    @classmethod
    def path(cls) -> "NotFound":
        """The error for a path that leads to no resource."""
        return cls("the server could not find the requested resource", details={})


class MethodNotAllowed(APIError):
    code, reason = 405, "MethodNotAllowed"


class NotAcceptable(APIError):
    code, reason = 406, "NotAcceptable"


class AlreadyExists(APIError):
    code, reason = 409, "AlreadyExists"

    @classmethod
    def of(cls, plural: str, group: str, name: str) -> "AlreadyExists":
        """The error for a create of a name that is taken."""
        return cls(f'{qualified(plural, group)} "{name}" already exists', details=_details(name, group, plural))


class Conflict(APIError):
    code, reason = 409, "Conflict"

    @classmethod
    def of(cls, plural: str, group: str, name: str, why: str = "") -> "Conflict":
        """The error for a stale resourceVersion or a failed precondition."""
        why = why or ("the object has been modified; please apply your changes to the latest version and try again")
        return cls(
            f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}',
            details=_details(name, group, plural),
        )


class Gone(APIError):
    code, reason = 410, "Gone"


class Expired(APIError):
    """A revision that has been compacted away; clients list again."""

    code, reason = 410, "Expired"


class RequestEntityTooLarge(APIError):
    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(APIError):
    code, reason = 415, "UnsupportedMediaType"


class Invalid(APIError):
    """An object that fails validation; details.causes names every field."""

    code, reason = 422, "Invalid"

    @classmethod
    def of(cls, kind: str, group: str, name: str, errors: Iterable[FieldError]) -> "Invalid":
        """The error for some invalid fields (at least one), the first megabyte of them."""
        found = list(_first(errors))
        shown = f"{kind}.{group}" if group else kind
        causes = [
            {"reason": _CAUSE_REASON[error.type], "message": error.message(), "field": error.field} for error in found
        ]
        details = _details(name, group, kind) | {"causes": causes}
        return cls(f'{shown} "{name}" is invalid: {aggregated(found)}', details=details)


class TooManyRequests(APIError):
    code, reason = 429, "TooManyRequests"


class InternalError(APIError):
    code, reason = 500, "InternalError"


class ServiceUnavailable(APIError):
    code, reason = 503, "ServiceUnavailable"


class ServerTimeout(APIError):
    code, reason = 500, "ServerTimeout"


class Timeout(APIError):
    code, reason = 504, "Timeout"


def namespace_terminates(error: APIError) -> bool:
    """Whether a create was refused because the namespace is being deleted: no news, and no use to try again."""
    causes: list[dict[str, Any]] = error.details.get("causes") or []
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def qualified(plural: str, group: str) -> str:
    """`deployments.apps`, or `pods` for the core group: GroupResource.String."""
    return f"{plural}.{group}" if group else plural


def _details(name: str, group: str, kind: str) -> dict[str, Any]:
    details = {"name": name, "group": group, "kind": kind}
    return {k: v for k, v in details.items() if v}


def _first(errors: Iterable[FieldError]) -> Iterator[FieldError]:
    """As many as an answer can hold: each may show the whole list that it is about."""
    size = 0
    for error in errors:
        yield error
        size += len(str(error))
        if size > _SHOWN:
            return


_CLASSES: tuple[type[APIError], ...] = (
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    Conflict,
    AlreadyExists,
    Gone,
    Expired,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    Invalid,
    TooManyRequests,
    InternalError,
    ServiceUnavailable,
    ServerTimeout,
    Timeout,
)
_BY_REASON = {one.reason: one for one in _CLASSES}
# Of two with one code, the first here is what an unknown reason means.
_BY_CODE = {one.code: one for one in reversed(_CLASSES)}


def from_status(body: dict[str, Any]) -> APIError:
    """The exception for a Status object: by reason first, by code where the reason is unknown."""
    reason, code = body.get("reason", ""), int(body.get("code") or 500)
    made = _BY_REASON.get(reason) or _BY_CODE.get(code, APIError)
    return made(body.get("message", ""), details=body.get("details"), code=code, reason=reason)
