"""TokenReview: asks whom a token identifies."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="TokenReview",
    plural="tokenreviews",
    versions=(
        ServedVersion("authentication.k8s.io", "v1", "io.k8s.api.authentication.v1.TokenReview"),
        ServedVersion(
            "authentication.k8s.io",
            "v1beta1",
            "io.k8s.api.authentication.v1.TokenReview",
            deprecated="1.19",
            removed="1.22",
            replacement="authentication.k8s.io/v1 TokenReview",
        ),
    ),
    verbs=("create",),
    has_status=False,
    has_generation=False,
    namespaced=False,
)
