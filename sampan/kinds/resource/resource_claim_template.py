"""ResourceClaimTemplate: the claim that is made for each pod which names it.

Rules and texts: k8s.io/kubernetes/pkg/apis/resource/validation.
"""

from collections.abc import Callable

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME
from sampan.kinds.resource import v1beta1
from sampan.kinds.resource.names import DOMAIN
from sampan.kinds.resource.requests import DEFAULT_FUNCTIONS, DEFAULTS, RULES, drop_ungated, validate_claim_spec
from sampan.kinds.resource.versions import converted_versions
from sampan.machinery.kind import Conversion, Kind
from sampan.machinery.meta import Object
from sampan.machinery.metadata import validate_annotations, validate_labels
from sampan.machinery.rules import Immutable, together
from sampan.machinery.validation import forbidden

_METADATA = SPEC.child("metadata")


def _prepare(template: Object) -> None:
    drop_ungated(template["spec"].get("spec") or {})


def _validate(template: Object) -> Errors:
    meta = template["spec"].get("metadata") or {}
    yield from validate_annotations(meta.get("annotations"), _METADATA.child("annotations"))
    yield from validate_labels(meta.get("labels"), _METADATA.child("labels"))
    for field in sorted(meta):
        if meta[field] and field not in ("annotations", "labels"):
            yield forbidden(_METADATA.child(field), "cannot be set")
    yield from validate_claim_spec(template["spec"].get("spec") or {}, SPEC.child("spec"))


def _of_template(change: Callable[[Object], Object]) -> Callable[[Object], Object]:
    def convert(template: Object) -> Object:
        spec = template.get("spec") or {}
        return {**template, "spec": {**spec, "spec": change(spec["spec"])}} if spec.get("spec") else template

    return convert


KIND = Kind(
    name="ResourceClaimTemplate",
    plural="resourceclaimtemplates",
    versions=converted_versions(
        "ResourceClaimTemplate",
        Conversion(_of_template(v1beta1.claim_spec_to_v1), _of_template(v1beta1.claim_spec_from_v1)),
    ),
    columns=(NAME, AGE),
    prepare_create=_prepare,
    prepare_update=lambda new, old: _prepare(new),
    rules=together(RULES, {DOMAIN + "ResourceClaimTemplate": {"spec": Immutable()}}),
    validate_create=_validate,
    slow_validation=True,
    has_status=False,
    has_generation=False,
    returns_deleted=True,
    defaults={**DEFAULTS, **v1beta1.DEFAULTS},
    default_functions={**DEFAULT_FUNCTIONS, **v1beta1.DEFAULT_FUNCTIONS},
)
