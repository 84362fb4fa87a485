"""LocalSubjectAccessReview: asks whether a user may do something in one namespace."""

from sampan.kinds.authorization.reviews import (
    validate_attributes,
    validate_metadata,
    validate_subject,
    versions_with_groups,
    with_groups,
)
from sampan.kinds.checks import SPEC, Errors
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import invalid


def _validate(review: Object) -> Errors:
    yield from validate_attributes(review)
    yield from validate_subject(review)
    yield from validate_metadata(review, "namespace")
    asked = get_path(review, ("spec", "resourceAttributes", "namespace"), "")
    resource = get_path(review, ("spec", "resourceAttributes"))
    if resource is not None and asked != review["metadata"].get("namespace"):
        yield invalid(SPEC.child("resourceAttributes", "namespace"), asked, "must match metadata.namespace")
    if (other := get_path(review, ("spec", "nonResourceAttributes"))) is not None:
        yield invalid(SPEC.child("nonResourceAttributes"), other, "disallowed on this kind of request")


KIND = Kind(
    name="LocalSubjectAccessReview",
    plural="localsubjectaccessreviews",
    versions=versions_with_groups("LocalSubjectAccessReview"),
    validate=_validate,
    verbs=("create",),
    has_status=False,
    has_generation=False,
    definitions=with_groups("LocalSubjectAccessReview"),
)
