"""SelfSubjectRulesReview: asks what the caller may do in a namespace."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="SelfSubjectRulesReview",
    plural="selfsubjectrulesreviews",
    versions=(
        ServedVersion("authorization.k8s.io", "v1", "io.k8s.api.authorization.v1.SelfSubjectRulesReview"),
        ServedVersion(
            "authorization.k8s.io",
            "v1beta1",
            "io.k8s.api.authorization.v1.SelfSubjectRulesReview",
            deprecated="1.19",
            removed="1.22",
            replacement="authorization.k8s.io/v1 SelfSubjectRulesReview",
        ),
    ),
    verbs=("create",),
    has_status=False,
    has_generation=False,
    namespaced=False,
)
