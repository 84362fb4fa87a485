"""SelfSubjectAccessReview: asks whether the caller may do something."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="SelfSubjectAccessReview",
    plural="selfsubjectaccessreviews",
    versions=(
        ServedVersion("authorization.k8s.io", "v1", "io.k8s.api.authorization.v1.SelfSubjectAccessReview"),
        ServedVersion(
            "authorization.k8s.io",
            "v1beta1",
            "io.k8s.api.authorization.v1.SelfSubjectAccessReview",
            deprecated="1.19",
            removed="1.22",
            replacement="authorization.k8s.io/v1 SelfSubjectAccessReview",
        ),
    ),
    verbs=("create",),
    has_status=False,
    has_generation=False,
    namespaced=False,
)
