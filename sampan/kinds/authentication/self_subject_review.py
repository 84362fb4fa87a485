"""SelfSubjectReview: asks who the caller is."""

from sampan.kinds.versions import versions
from sampan.machinery.kind import Kind

KIND = Kind(
    name="SelfSubjectReview",
    plural="selfsubjectreviews",
    versions=versions(
        "authentication.k8s.io",
        "io.k8s.api.authentication.v1.SelfSubjectReview",
        v1beta1=("1.30", "1.33"),
        v1alpha1=("1.29", "1.32"),
    ),
    verbs=("create",),
    has_status=False,
    has_generation=False,
    namespaced=False,
)
