"""SelfSubjectAccessReview: asks whether the caller may do something."""

from sampan.kinds.authorization.reviews import validate_attributes, versions
from sampan.machinery.kind import Kind

KIND = Kind(
    name="SelfSubjectAccessReview",
    plural="selfsubjectaccessreviews",
    versions=versions("SelfSubjectAccessReview"),
    namespaced=False,
    validate=validate_attributes,
    verbs=("create",),
    has_status=False,
    has_generation=False,
)
