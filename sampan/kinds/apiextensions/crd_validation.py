"""Whether a definition is right, a new one or an update. Both are looked at in the form of v1beta1, see v1beta1.py.

Called by custom_resource_definition.py. Upstream: apis/apiextensions/validation/validation.go; conditions are the
business of the controllers that establish a definition.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sampan.kinds.apiextensions.approval import ANNOTATION, approval_of, is_protected
from sampan.kinds.apiextensions.options import Options, for_update, schemas_of
from sampan.kinds.apiextensions.parts import (
    column_errors,
    conversion_errors,
    name_errors,
    selectable_errors,
    subresource_errors,
)
from sampan.kinds.apiextensions.schema_validation import Tools, validation_errors
from sampan.machinery.errors import FieldError
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.structural.schema import Structural, Tree, any_node
from sampan.machinery.validation import (
    Path,
    dns_1035_label,
    dns_subdomain,
    immutable,
    invalid,
    not_supported,
    required,
)

Errors = Iterator[FieldError]
Spec = Mapping[str, Any]

_SPEC, _STATUS = Path("spec"), Path("status")
_PRESERVE = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
_LONGEST_WARNING = 256
_EXTENSIONS = (
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-validations",
)


def new_errors(crd: Object, options: Options, tools: Tools) -> Errors:
    """What is wrong with a new definition."""
    spec = crd["spec"]
    wanted = f"{(spec.get('names') or {}).get('plural') or ''}.{spec.get('group') or ''}"
    if (name := crd["metadata"].get("name")) and name != wanted:
        yield invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    yield from _all_errors(crd, None, options, tools)


def update_errors(new: Object, old: Object, base: Options, tools: Tools) -> Errors:
    """What is wrong with an update, but for what the old definition broke before; `base`: as for a new one."""
    established = is_established(old)
    strict = replace(base, immutable_names=established, any_ca_bundle=not established)
    if not any(True for _ in _all_errors(new, old, strict, tools)):
        return  # what the old one breaks matters only where the new one breaks something
    options = for_update(new["spec"], old["spec"], established, base, tools.read_metadata)
    yield from _all_errors(new, old, options, tools)


def is_established(crd: Object) -> bool:
    """Whether the condition Established is true."""
    conditions = (crd.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Established" and one.get("status") == "True" for one in conditions)


def status_errors(crd: Object) -> Errors:
    """What is wrong with a status."""
    yield from name_errors((crd.get("status") or {}).get("acceptedNames") or {}, _STATUS.child("acceptedNames"))


def _all_errors(crd: Object, old: Object | None, options: Options, tools: Tools) -> Errors:
    spec = crd["spec"]
    yield from _spec(spec, options, tools)
    if old is not None:
        yield from _immutable(spec, old["spec"], options)
    yield from status_errors(crd)
    stored = (crd.get("status") or {}).get("storedVersions") or []
    yield from _stored_versions(stored, spec.get("versions") or [], _STATUS.child("storedVersions"))
    if options.approval:
        yield from _approval(crd, old)
    if options.no_unknown_fields and spec.get("preserveUnknownFields"):
        yield invalid(_SPEC.child("preserveUnknownFields"), True, _PRESERVE)


def _spec(spec: Spec, options: Options, tools: Tools) -> Errors:
    yield from _group_and_scope(spec)
    preserves = bool(spec.get("preserveUnknownFields"))
    yield from _schemas_given(spec, options, preserves)
    has_defaults = preserves and not options.defaults_forbidden and _any_schema(spec, _has_default)
    if has_defaults:
        told = "must be false in order to use defaults in the schema"
        yield invalid(_SPEC.child("preserveUnknownFields"), True, told)
    needs = options.structural or not preserves or has_defaults or _any_schema(spec, _is_extended)
    options = replace(options, structural=needs)
    yield from _versions(spec, options, tools)
    yield from _names(spec)
    yield from _shared(spec, options, tools)
    conversion = spec.get("conversion")
    strategy = (conversion or {}).get("strategy") or ""
    if conversion is not None and strategy != "None" and preserves:
        told = "must be None if spec.preserveUnknownFields is true"
        yield invalid(_SPEC.child("conversion", "strategy"), strategy, told)
    yield from conversion_errors(conversion, _SPEC.child("conversion"), options)


def _any_schema(spec: Spec, holds: Callable[[Tree], bool]) -> bool:
    return any(any_node(schema, holds) for schema in schemas_of(spec))


def _has_default(schema: Tree) -> bool:
    return schema.get("default") is not None


def _is_extended(schema: Tree) -> bool:
    if schema.get("x-kubernetes-preserve-unknown-fields") is not None:
        return True
    return any(schema.get(keyword) for keyword in _EXTENSIONS)


def _group_and_scope(spec: Spec) -> Errors:
    group, scope = spec.get("group") or "", spec.get("scope") or ""
    at = _SPEC.child("group")
    if not group:
        yield required(at)
    elif wrong := dns_subdomain(group):
        yield invalid(at, group, ",".join(wrong))
    elif "." not in group:
        yield invalid(at, group, "should be a domain with at least one dot")
    if scope not in ("Cluster", "Namespaced"):
        at = _SPEC.child("scope")
        yield not_supported(at, scope, ["Cluster", "Namespaced"]) if scope else required(at)


def _schemas_given(spec: Spec, options: Options, preserves: bool) -> Errors:
    """Versions have schemas; where older definitions need none, then at least what is served and pruned does."""
    if (spec.get("validation") or {}).get("openAPIV3Schema") is not None or (not options.schema and preserves):
        return
    for index, version in enumerate(spec.get("versions") or ()):
        if (version.get("schema") or {}).get("openAPIV3Schema") is None and (options.schema or version.get("served")):
            at = _SPEC.child("versions").index(index).child("schema", "openAPIV3Schema")
            yield required(at, "" if options.schema else "because otherwise all fields are pruned")


def _versions(spec: Spec, options: Options, tools: Tools) -> Errors:
    versions, at = spec.get("versions") or [], _SPEC.child("versions")
    own_subresources = any(version.get("subresources") is not None for version in versions)
    for index, version in enumerate(versions):
        if wrong := dns_1035_label(version.get("name") or ""):
            yield invalid(at.index(index).child("name"), version.get("name") or "", ",".join(wrong))
        subresources = version.get("subresources") if own_subresources else spec.get("subresources")
        yield from _version(version, at.index(index), _has_status(subresources), options, tools)
    names = [version.get("name") for version in versions]
    if len(set(names)) != len(names):
        yield invalid(at, versions, "must contain unique version names")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        yield invalid(at, versions, "must have exactly one version marked as storage version")
    yield from _first_version(spec.get("version") or "", versions)


def _first_version(name: str, versions: list[Spec]) -> Errors:
    if name and (wrong := dns_1035_label(name)):
        yield invalid(_SPEC.child("version"), name, ",".join(wrong))
    if name and versions and versions[0].get("name") != name:
        yield invalid(_SPEC.child("version"), name, "must match the first version in spec.versions")


def _has_status(subresources: Spec | None) -> bool:
    return (subresources or {}).get("status") is not None


def _version(version: Spec, path: Path, status: bool, options: Options, tools: Tools) -> Errors:
    for wrong in _deprecation(version):
        yield invalid(path.child("deprecationWarning"), version.get("deprecationWarning"), wrong)
    name = version.get("name") or ""
    yield from validation_errors(version.get("schema"), path.child("schema"), name, status, options, tools)
    yield from subresource_errors(version.get("subresources"), path.child("subresources"))
    yield from column_errors(version.get("additionalPrinterColumns"), path.child("additionalPrinterColumns"))
    if fields := version.get("selectableFields"):
        at = path.child("selectableFields")
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            yield invalid(at, "", "may only be set when `version.schema.openAPIV3Schema` is not included")
        else:
            yield from selectable_errors(fields, Structural(schema), at, options, name)


def _deprecation(version: Spec) -> Iterator[str]:
    warning = version.get("deprecationWarning")
    if warning is None:
        return
    if not version.get("deprecated"):
        yield "can only be set for deprecated versions"
        return
    if len(warning.encode(errors="replace")) > _LONGEST_WARNING:
        yield f"must be <= {_LONGEST_WARNING} characters long"
    if not warning:
        yield "must not be an empty string"
    bad = next((index for index, char in enumerate(warning) if not char.isprintable()), None)
    if bad is not None:
        at = len(warning[:bad].encode(errors="replace"))
        yield f"must only contain printable UTF-8 characters; non-printable character found at index {at}"


def _names(spec: Spec) -> Errors:
    names, at = spec.get("names") or {}, _SPEC.child("names")
    for field in ("plural", "singular", "kind", "listKind"):
        if not names.get(field):
            yield required(at.child(field))
    yield from name_errors(names, at)


def _shared(spec: Spec, options: Options, tools: Tools) -> Errors:
    """What all versions share."""
    holders = [spec, *(spec.get("versions") or ())]
    status = any(_has_status(holder.get("subresources")) for holder in holders)
    at, first = _SPEC.child("validation"), spec.get("version") or ""
    yield from validation_errors(spec.get("validation"), at, first, status, options, tools)
    yield from subresource_errors(spec.get("subresources"), _SPEC.child("subresources"))
    yield from column_errors(spec.get("additionalPrinterColumns"), _SPEC.child("additionalPrinterColumns"))
    if fields := spec.get("selectableFields"):
        at = _SPEC.child("selectableFields")
        schema = (spec.get("validation") or {}).get("openAPIV3Schema")
        if schema is None:
            yield invalid(at, "", "may only be set when validations.schema is included")
        else:
            yield from selectable_errors(fields, Structural(schema), at, options, "")


def _immutable(spec: Spec, old: Spec, options: Options) -> Errors:
    names, before = spec.get("names") or {}, old.get("names") or {}
    checked = [("scope", spec.get("scope"), old.get("scope")), ("names.kind", names.get("kind"), before.get("kind"))]
    checked = checked if options.immutable_names else []
    checked += [("group", spec.get("group"), old.get("group"))]
    checked += [("names.plural", names.get("plural"), before.get("plural"))]
    for field, new_value, old_value in checked:
        if new_value != old_value:
            yield immutable(_SPEC.child(field), new_value)


def _stored_versions(stored: list[str], versions: list[Spec], path: Path) -> Errors:
    if not stored:
        yield invalid(path, stored, "must have at least one stored version")
        return
    names, told_of = {version.get("name") or "" for version in versions}, frozenset(stored)
    for version in versions:
        if version.get("storage") and version.get("name") not in told_of:
            yield invalid(path, stored, f"must have the storage version {version.get('name')}")
    for index, name in enumerate(stored):
        if name not in names:
            told = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {name} and removes "
                f"{name} from status.storedVersions"
            )
            yield invalid(path.index(index), name, told)


def _approval(crd: Object, old: Object | None) -> Errors:
    """Kubernetes's own groups need an approval, unless the state of it is what it was."""
    if not is_protected(crd["spec"].get("group") or ""):
        return
    state, why = approval_of(crd)
    if state in ("approved", "bypassed") or (old is not None and approval_of(old)[0] == state):
        return
    at = Path("metadata.annotations").key(ANNOTATION)
    yield required(at, why) if state == "missing" else invalid(at, annotations_of(crd)[ANNOTATION], why)
