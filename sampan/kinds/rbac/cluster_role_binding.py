"""ClusterRoleBinding: gives a ClusterRole to subjects, in the whole cluster."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="ClusterRoleBinding",
    plural="clusterrolebindings",
    versions=(
        ServedVersion("rbac.authorization.k8s.io", "v1", "io.k8s.api.rbac.v1.ClusterRoleBinding"),
        ServedVersion(
            "rbac.authorization.k8s.io",
            "v1beta1",
            "io.k8s.api.rbac.v1.ClusterRoleBinding",
            deprecated="1.17",
            removed="1.22",
            replacement="rbac.authorization.k8s.io/v1 ClusterRoleBinding",
        ),
    ),
    name_rule="path-segment",
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
    namespaced=False,
)
