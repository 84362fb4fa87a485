"""SelfSubjectRulesReview: asks what the caller may do in a namespace."""

from sampan.kinds.authorization.reviews import versions
from sampan.machinery.kind import Kind

KIND = Kind(
    name="SelfSubjectRulesReview",
    plural="selfsubjectrulesreviews",
    versions=versions("SelfSubjectRulesReview"),
    namespaced=False,
    verbs=("create",),
    has_status=False,
    has_generation=False,
)
