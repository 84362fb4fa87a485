"""How strictly a definition is looked at: what came in before a rule was made may stay.

Of a new v1 definition everything is asked, of a v1beta1 one what its own release asked; of an update, what the stored
definition does not break itself. Called by crd_validation.py. Upstream: validationOptions in validation.go, and for
v1beta1 the same file of release 1.21, the last that served it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sampan.kinds.apiextensions.certificates import bundle_error
from sampan.kinds.apiextensions.list_rules import has_bad_keys, has_bad_set
from sampan.kinds.webhook_clients import REVIEW_VERSIONS
from sampan.machinery.cel.rule_audit import expressions
from sampan.machinery.structural.default_errors import has_unpruned_default
from sampan.machinery.structural.reading import ReadMetadata
from sampan.machinery.structural.schema import TYPES, Structural, Tree, any_node
from sampan.machinery.structural.structurality import is_structural

Spec = Mapping[str, Any]

MOST_SELECTABLE_FIELDS = 8
_NO_DEFAULTS = "(cannot set default values in apiextensions.k8s.io/v1beta1 CRDs, must use apiextensions.k8s.io/v1)"


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a definition."""

    defaults_forbidden: str = ""  # why there may be no defaults; "" if there may
    known_review_version: bool = True
    immutable_names: bool = False
    schema: bool = True
    valid_types: bool = True
    structural: bool = True
    pruned_defaults: bool = True
    atomic_sets: bool = True
    list_keys: bool = True
    approval: bool = True
    no_unknown_fields: bool = True  # spec.preserveUnknownFields may not be true
    any_ca_bundle: bool = True
    known_expressions: frozenset[str] = frozenset()  # of CEL, accepted before
    old_schemas: Mapping[str, Tree] = field(default_factory=dict)  # by version
    many_selectable_fields: frozenset[str] = field(default_factory=frozenset)  # versions that may; "": shared


NEW = Options()
NEW_V1BETA1 = Options(
    defaults_forbidden=_NO_DEFAULTS,
    schema=False,
    valid_types=False,
    structural=False,
    pruned_defaults=False,
    atomic_sets=False,
    list_keys=False,
    approval=False,
    no_unknown_fields=False,
)


def for_update(new: Spec, old: Spec, established: bool, base: Options, read_metadata: ReadMetadata) -> Options:
    """What is asked of an update; both specs in the form of v1beta1. `base` is what is asked of a new definition."""
    schemas = list(schemas_of(old))

    def none_has(holds: Callable[[Tree], bool]) -> bool:
        return not any(any_node(schema, holds) for schema in schemas)

    conversion = old.get("conversion") or {}
    reviewed = conversion.get("conversionReviewVersions") or []
    return Options(
        defaults_forbidden=base.defaults_forbidden if none_has(_has_default) else "",
        known_review_version=not reviewed or any(version in REVIEW_VERSIONS for version in reviewed),
        immutable_names=established,
        schema=base.schema and _all_have_schemas(old),
        valid_types=base.valid_types and none_has(has_bad_type),
        structural=base.structural and all(map(is_structural, schemas)),
        pruned_defaults=base.pruned_defaults and not any(_is_unpruned(schema, read_metadata) for schema in schemas),
        atomic_sets=base.atomic_sets and none_has(has_bad_set),
        list_keys=base.list_keys and none_has(has_bad_keys),
        approval=base.approval,
        no_unknown_fields=base.no_unknown_fields and not old.get("preserveUnknownFields"),
        any_ca_bundle=not established or _has_bad_bundle(conversion),
        known_expressions=frozenset(text for schema in schemas for text in expressions(schema)),
        old_schemas=dict(_by_version(old)),
        many_selectable_fields=frozenset(_many_unchanged(new, old)),
    )


def schemas_of(spec: Spec) -> Iterator[Tree]:
    """Every schema of a definition."""
    holders = [spec.get("validation"), *(version.get("schema") for version in spec.get("versions") or ())]
    for holder in holders:
        if holder and holder.get("openAPIV3Schema") is not None:
            yield holder["openAPIV3Schema"]


def _by_version(spec: Spec) -> Iterator[tuple[str, Tree]]:
    shared = (spec.get("validation") or {}).get("openAPIV3Schema")
    for version in spec.get("versions") or ():
        schema = (version.get("schema") or {}).get("openAPIV3Schema") or shared
        if schema is not None:
            yield version.get("name") or "", schema


def has_bad_type(schema: Tree) -> bool:
    """Whether a schema is of a type that OpenAPI does not know."""
    return bool(schema.get("type")) and schema["type"] not in TYPES


def _has_default(schema: Tree) -> bool:
    return schema.get("default") is not None


def _all_have_schemas(spec: Spec) -> bool:
    if (spec.get("validation") or {}).get("openAPIV3Schema") is not None:
        return True
    versions = spec.get("versions") or ()
    return all((version.get("schema") or {}).get("openAPIV3Schema") is not None for version in versions)


def _is_unpruned(schema: Tree, read_metadata: ReadMetadata) -> bool:
    if not any_node(schema, _has_default) or not is_structural(schema):
        return False
    return has_unpruned_default(Structural(schema, resource_root=True), read_metadata)


def _has_bad_bundle(conversion: Mapping[str, Any]) -> bool:
    bundle = (conversion.get("webhookClientConfig") or {}).get("caBundle") or ""
    return bool(bundle and bundle_error(bundle))


def _many_unchanged(new: Spec, old: Spec) -> Iterator[str]:
    def many(holder: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
        fields = before.get("selectableFields") or []
        return len(fields) > MOST_SELECTABLE_FIELDS and fields == holder.get("selectableFields")

    if many(new, old):
        yield ""
    known = {version.get("name"): version for version in old.get("versions") or ()}
    for version in new.get("versions") or ():
        if version.get("name") in known and many(version, known[version["name"]]):
            yield version["name"]
