"""Role: rules within one namespace."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="Role",
    plural="roles",
    versions=(
        ServedVersion("rbac.authorization.k8s.io", "v1", "io.k8s.api.rbac.v1.Role"),
        ServedVersion(
            "rbac.authorization.k8s.io",
            "v1beta1",
            "io.k8s.api.rbac.v1.Role",
            deprecated="1.17",
            removed="1.22",
            replacement="rbac.authorization.k8s.io/v1 Role",
        ),
    ),
    name_rule="path-segment",
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
)
