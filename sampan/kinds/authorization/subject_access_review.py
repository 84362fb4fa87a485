"""SubjectAccessReview: asks whether a user may do something."""

from sampan.kinds.authorization.reviews import (
    validate_attributes,
    validate_metadata,
    validate_subject,
    versions_with_groups,
    with_groups,
)
from sampan.kinds.checks import Errors
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object


def _validate(review: Object) -> Errors:
    yield from validate_attributes(review)
    yield from validate_subject(review)
    yield from validate_metadata(review)


KIND = Kind(
    name="SubjectAccessReview",
    plural="subjectaccessreviews",
    versions=versions_with_groups("SubjectAccessReview"),
    namespaced=False,
    validate=_validate,
    verbs=("create",),
    has_status=False,
    has_generation=False,
    definitions=with_groups("SubjectAccessReview"),
)
