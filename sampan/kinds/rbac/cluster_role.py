"""ClusterRole: rules for the whole cluster, or for use by RoleBindings."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="ClusterRole",
    plural="clusterroles",
    versions=(
        ServedVersion("rbac.authorization.k8s.io", "v1", "io.k8s.api.rbac.v1.ClusterRole"),
        ServedVersion(
            "rbac.authorization.k8s.io",
            "v1beta1",
            "io.k8s.api.rbac.v1.ClusterRole",
            deprecated="1.17",
            removed="1.22",
            replacement="rbac.authorization.k8s.io/v1 ClusterRole",
        ),
    ),
    name_rule="path-segment",
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
    namespaced=False,
)
