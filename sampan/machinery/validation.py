"""The words of validation: field paths and the constructors of field errors.

    spec = Path("spec")
    yield required(spec.child("containers"))
    yield invalid(spec.child("containers").index(0).child("name"), name, "must be ...")

Name rules are in names.py, metadata rules in metadata.py; both are re-exported here, so that a kind's file imports one
module. Forms: k8s.io/apimachinery/pkg/util/validation/field.
"""

import re
from collections.abc import Iterable
from typing import Any

from sampan.machinery import errors, names
from sampan.machinery.errors import FieldError
from sampan.machinery.metadata import (
    validate_annotations,
    validate_label_selector,
    validate_labels,
    validate_meta,
    validate_meta_update,
)
from sampan.machinery.names import (
    config_key,
    dns_1035_label,
    dns_label,
    dns_subdomain,
    env_var_name,
    label_value,
    path_segment,
    port_name,
    port_number,
    qualified_name,
)
from sampan.machinery.paths import (
    ROOT,
    Path,
    check,
    duplicate,
    forbidden,
    immutable,
    invalid,
    not_supported,
    required,
    too_long,
    too_many,
)

__all__ = [
    "ROOT",
    "FieldError",
    "Path",
    "check",
    "config_key",
    "dns_1035_label",
    "dns_label",
    "dns_subdomain",
    "domain_prefixed_path",
    "duplicate",
    "env_var_name",
    "forbidden",
    "immutable",
    "invalid",
    "label_value",
    "non_negative",
    "not_found",
    "not_supported",
    "one_of",
    "path_segment",
    "port",
    "port_name",
    "port_number",
    "qualified_name",
    "required",
    "too_long",
    "too_many",
    "validate_annotations",
    "validate_label_selector",
    "validate_labels",
    "validate_meta",
    "validate_meta_update",
]


_HTTP_PATH = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")


def not_found(path: Path | str, value: Any, detail: str = "") -> FieldError:
    """`path: Not found: "x"`: a reference within the object that leads nowhere."""
    return FieldError(errors.FIELD_NOT_FOUND, str(path), detail, value)


def one_of(path: Path | str, value: Any, supported: Iterable[str]) -> list[FieldError]:
    """An error unless the value is one of those supported; a missing value is a required one."""
    if not value:
        return [required(path)]
    return [] if value in supported else [not_supported(path, value, supported)]


def non_negative(path: Path | str, value: int | None) -> list[FieldError]:
    """An error for a negative number."""
    return [invalid(path, value, "must be greater than or equal to 0")] if value is not None and value < 0 else []


def domain_prefixed_path(path: Path | str, value: str) -> list[FieldError]:
    """Errors for what is not like `acme.io/foo`. Rule: IsDomainPrefixedPath."""
    if not value:
        return [required(path)]
    domain, slash, rest = value.partition("/")
    if not (domain and slash and rest):
        return [invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    found = check(path, domain, dns_subdomain(domain))
    if not _HTTP_PATH.fullmatch(rest):
        found.append(invalid(path, rest, names.regex_text("Invalid path", _HTTP_PATH.pattern)))
    return found


def port(path: Path | str, value: int) -> list[FieldError]:
    """An error for a number that is no port."""
    return check(path, value, names.port_number(value))
