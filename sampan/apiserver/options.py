"""Query parameters as options: ListOptions, CreateOptions, UpdateOptions, PatchOptions, DeleteOptions.

Values are checked as upstream's metav1 conversion and validation check them; a bad one is a 400 or 422 before anything
else happens.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sampan.apiserver.bodies import recognized, unrecognized
from sampan.machinery.booleans import is_true
from sampan.machinery.errors import (
    FIELD_FORBIDDEN,
    FIELD_INVALID,
    FIELD_NOT_SUPPORTED,
    BadRequest,
    FieldError,
    Invalid,
)

_GROUP = "meta.k8s.io"
_MATCHES = ("Exact", "NotOlderThan")
_VALIDATIONS = ("Ignore", "Warn", "Strict")
_PROPAGATIONS = ("Background", "Foreground", "Orphan")
_MAX_FIELD_MANAGER = 128
_IGNORE_READ_ERROR = "ignoreStoreReadErrorWithClusterBreakingPotential"
_INTEGER, _MOST_DIGITS = re.compile(r"[+-]?[0-9]+", re.ASCII), 20  # as long as a number of 64 bits is with its sign


class WriteOptions(NamedTuple):
    """What create, update and patch share."""

    dry_run: bool = False
    validation: str = "Warn"
    manager: str = ""
    force: bool = False  # apply patches only

    def tree(self, kind: str) -> dict[str, Any]:
        """As the object of that kind that admission is shown."""
        tree: dict[str, Any] = {"kind": kind, "apiVersion": f"{_GROUP}/v1"}
        if self.dry_run:
            tree["dryRun"] = ["All"]
        if self.manager:
            tree["fieldManager"] = self.manager
        if self.validation:
            tree["fieldValidation"] = self.validation
        if self.force:
            tree["force"] = True
        return tree


class ListOptions(NamedTuple):
    """LIST, WATCH and DELETECOLLECTION. Times are seconds; 0 is unset."""

    label_selector: str = ""
    field_selector: str = ""
    resource_version: str = ""
    resource_version_match: str = ""
    limit: int = 0
    continue_token: str = ""
    timeout: int = 0
    bookmarks: bool = False
    send_initial_events: bool | None = None


class DeleteOptions(NamedTuple):
    """How to delete."""

    grace_seconds: int | None = None
    propagation: str = ""
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False
    orphan: bool | None = None  # orphanDependents, which propagation replaced
    ignore_read_error: bool = False  # ignoreStoreReadErrorWithClusterBreakingPotential: for what can't be read only

    def tree(self) -> dict[str, Any]:
        """As the object that admission is shown."""
        found = {"uid": self.uid, "resourceVersion": self.resource_version}
        tree: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": f"{_GROUP}/v1"}
        if self.grace_seconds is not None:
            tree["gracePeriodSeconds"] = self.grace_seconds
        if preconditions := {name: value for name, value in found.items() if value}:
            tree["preconditions"] = preconditions
        if self.orphan is not None:
            tree["orphanDependents"] = self.orphan
        elif self.propagation:
            tree["propagationPolicy"] = self.propagation
        if self.dry_run:
            tree["dryRun"] = ["All"]
        if self.ignore_read_error:
            tree[_IGNORE_READ_ERROR] = True
        return tree


def write_options(query: Mapping[str, str], kind: str) -> WriteOptions:
    """From the query of a create, update or patch; `kind` is the option object's name, for errors."""
    if not query:
        return WriteOptions()
    errors = []
    dry_run, error = _dry_run(query.get("dryRun", ""))
    errors += error
    validation = query.get("fieldValidation", "") or "Warn"
    if validation not in _VALIDATIONS:
        errors.append(_unsupported("fieldValidation", validation, ("", *_VALIDATIONS)))
    manager = query.get("fieldManager", "")
    if len(manager) > _MAX_FIELD_MANAGER:
        errors.append(FieldError("Too long", "fieldManager", "may not be more than 128 bytes"))
    if errors:
        raise Invalid.of(kind, _GROUP, "", errors)
    return WriteOptions(dry_run, validation, manager, is_true(query.get("force", "")))


def list_options(query: Mapping[str, str]) -> ListOptions:
    """From the query of a list, watch or deletecollection."""
    if not query:
        return ListOptions()
    initial = query.get("sendInitialEvents")
    options = ListOptions(
        query.get("labelSelector", ""),
        query.get("fieldSelector", ""),
        query.get("resourceVersion", ""),
        query.get("resourceVersionMatch", ""),
        max(_integer(query, "limit"), 0),
        query.get("continue", ""),
        _integer(query, "timeoutSeconds"),
        is_true(query.get("allowWatchBookmarks", "")),
        None if initial is None else is_true(initial),
    )
    _check_list(options, watch=is_true(query.get("watch", "")))
    return options


def _check_list(options: ListOptions, *, watch: bool) -> None:
    match, errors = options.resource_version_match, []
    initial = options.send_initial_events
    if watch and initial is not None and match != "NotOlderThan":
        detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        errors.append(FieldError(FIELD_FORBIDDEN, "resourceVersionMatch", detail))
    if not watch and initial is not None:
        errors.append(FieldError(FIELD_FORBIDDEN, "sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if match:
        errors += _check_match(options, watch=watch)
    if errors:
        raise Invalid.of("ListOptions", _GROUP, "", errors)


def _check_match(options: ListOptions, *, watch: bool) -> list[FieldError]:
    match, field = options.resource_version_match, "resourceVersionMatch"
    if watch:
        if options.send_initial_events is None:
            return [FieldError(FIELD_FORBIDDEN, field, "resourceVersionMatch is forbidden for watch")]
        return []
    errors = []
    if not options.resource_version:
        detail = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        errors.append(FieldError(FIELD_FORBIDDEN, field, detail))
    if options.continue_token:
        errors.append(FieldError(FIELD_FORBIDDEN, field, "resourceVersionMatch is forbidden when continue is provided"))
    if match not in _MATCHES:
        errors.append(_unsupported(field, match, (*_MATCHES, "")))
    if match == "Exact" and options.resource_version == "0":
        detail = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        errors.append(FieldError(FIELD_FORBIDDEN, field, detail))
    return errors


def delete_options(query: Mapping[str, str], body: Any) -> DeleteOptions:
    """From the body (a DeleteOptions tree) or, without one, the query."""
    tree = recognized(_delete_tree(query) if body is None else body, "DeleteOptions")
    grace, orphan = tree.get("gracePeriodSeconds"), tree.get("orphanDependents")
    propagation, preconditions = tree.get("propagationPolicy") or "", tree.get("preconditions") or {}
    if (grace is not None and type(grace) is not int) or not isinstance(preconditions, dict):
        raise unrecognized("DeleteOptions")
    errors = []
    if propagation and orphan is not None:
        detail = "orphanDependents and deletionPropagation cannot be both set"
        errors.append(FieldError(FIELD_INVALID, "propagationPolicy", detail, propagation))
    if propagation and propagation not in _PROPAGATIONS:
        errors.append(_unsupported("propagationPolicy", propagation, ("Foreground", "Background", "Orphan", "nil")))
    dry = tree.get("dryRun") or []
    dry_run, error = _dry_run(",".join(dry) if isinstance(dry, list) and all(isinstance(x, str) for x in dry) else "?")
    errors += error
    unsafe = tree.get(_IGNORE_READ_ERROR) or False
    if unsafe is True:
        errors += _unsafe_errors(tree)
    elif unsafe is not False:
        raise unrecognized("DeleteOptions")
    if errors:
        raise Invalid.of("DeleteOptions", _GROUP, "", errors)
    if orphan is not None:
        propagation = "Orphan" if orphan else "Background"
    uid, version = preconditions.get("uid") or "", preconditions.get("resourceVersion") or ""
    return DeleteOptions(grace, propagation, str(uid), str(version), dry_run, orphan, unsafe)


def _unsafe_errors(tree: Mapping[str, Any]) -> Iterator[FieldError]:
    """KEP-3926: what is deleted unread is deleted at once, with whatever depends on it."""
    for field in ("propagationPolicy", "orphanDependents", "gracePeriodSeconds", "preconditions"):
        if tree.get(field) not in (None, ""):
            yield FieldError(FIELD_INVALID, _IGNORE_READ_ERROR, f"cannot be set together with .{field}", True)


def _delete_tree(query: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    if "gracePeriodSeconds" in query:
        tree["gracePeriodSeconds"] = _integer(query, "gracePeriodSeconds")
    if "orphanDependents" in query:
        tree["orphanDependents"] = is_true(query["orphanDependents"])
    tree["propagationPolicy"] = query.get("propagationPolicy", "")
    if _IGNORE_READ_ERROR in query:
        tree[_IGNORE_READ_ERROR] = is_true(query[_IGNORE_READ_ERROR])
    if query.get("dryRun"):
        tree["dryRun"] = [query["dryRun"]]
    return tree


def _dry_run(value: str) -> tuple[bool, list[FieldError]]:
    if value in ("", "All"):
        return value == "All", []
    return False, [_unsupported("dryRun", value, ("All",))]


def _unsupported(field: str, value: str, supported: tuple[str, ...]) -> FieldError:
    words = ", ".join(f'"{word}"' for word in supported)
    return FieldError(FIELD_NOT_SUPPORTED, field, f"supported values: {words}", value)


def _integer(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not text:
        return 0
    if not _INTEGER.fullmatch(text):
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if len(text) > _MOST_DIGITS or not -(1 << 63) <= int(text) < 1 << 63:
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": value out of range')
    return int(text)
