"""LocalSubjectAccessReview: asks whether a user may do something in one namespace."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="LocalSubjectAccessReview",
    plural="localsubjectaccessreviews",
    versions=(
        ServedVersion("authorization.k8s.io", "v1", "io.k8s.api.authorization.v1.LocalSubjectAccessReview"),
        ServedVersion(
            "authorization.k8s.io",
            "v1beta1",
            "io.k8s.api.authorization.v1.LocalSubjectAccessReview",
            deprecated="1.19",
            removed="1.22",
            replacement="authorization.k8s.io/v1 LocalSubjectAccessReview",
        ),
    ),
    verbs=("create",),
    has_status=False,
    has_generation=False,
)
