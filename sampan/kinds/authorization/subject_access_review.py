"""SubjectAccessReview: asks whether a user may do something."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="SubjectAccessReview",
    plural="subjectaccessreviews",
    versions=(
        ServedVersion("authorization.k8s.io", "v1", "io.k8s.api.authorization.v1.SubjectAccessReview"),
        ServedVersion(
            "authorization.k8s.io",
            "v1beta1",
            "io.k8s.api.authorization.v1.SubjectAccessReview",
            deprecated="1.19",
            removed="1.22",
            replacement="authorization.k8s.io/v1 SubjectAccessReview",
        ),
    ),
    verbs=("create",),
    has_status=False,
    has_generation=False,
    namespaced=False,
)
