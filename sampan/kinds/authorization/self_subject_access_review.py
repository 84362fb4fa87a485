"""SelfSubjectAccessReview: asks whether the caller may do something."""

from sampan.kinds.authorization.reviews import validate_attributes, validate_metadata, versions
from sampan.kinds.checks import Errors
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object


def _validate(review: Object) -> Errors:
    yield from validate_attributes(review)
    yield from validate_metadata(review)


KIND = Kind(
    name="SelfSubjectAccessReview",
    plural="selfsubjectaccessreviews",
    versions=versions("SelfSubjectAccessReview"),
    namespaced=False,
    validate=_validate,
    verbs=("create",),
    has_status=False,
    has_generation=False,
)
