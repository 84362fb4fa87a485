"""SelfSubjectReview: asks who the caller is."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="SelfSubjectReview",
    plural="selfsubjectreviews",
    versions=(
        ServedVersion("authentication.k8s.io", "v1", "io.k8s.api.authentication.v1.SelfSubjectReview"),
        ServedVersion(
            "authentication.k8s.io",
            "v1beta1",
            "io.k8s.api.authentication.v1.SelfSubjectReview",
            deprecated="1.30",
            removed="1.33",
            replacement="authentication.k8s.io/v1 SelfSubjectReview",
        ),
        ServedVersion(
            "authentication.k8s.io",
            "v1alpha1",
            "io.k8s.api.authentication.v1.SelfSubjectReview",
            deprecated="1.29",
            removed="1.32",
            replacement="authentication.k8s.io/v1 SelfSubjectReview",
        ),
    ),
    verbs=("create",),
    has_status=False,
    has_generation=False,
    namespaced=False,
)
