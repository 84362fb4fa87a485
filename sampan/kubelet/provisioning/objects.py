"""What the provisioner needs in the API: its account and its rights, and the StorageClass by which it is asked.

Called by cluster/, which creates them.
"""

from sampan.kubelet.provisioning.plan import NAME
from sampan.machinery.meta import Object

ACCOUNT = "local-path-provisioner"
CLASS = "standard"
_ROLE = "sampan:local-path-provisioner"
_GROUP = "rbac.authorization.k8s.io"
_RIGHTS = (
    ("", ["persistentvolumes"], ["get", "list", "watch", "create", "delete", "update"]),
    ("", ["persistentvolumeclaims"], ["get", "list", "watch"]),
    ("storage.k8s.io", ["storageclasses"], ["get", "list", "watch"]),
    ("", ["events"], ["create", "patch", "update"]),
)


def provisioner_objects() -> list[Object]:
    """Account, ClusterRole and its binding, and the default StorageClass."""
    account = {"name": ACCOUNT, "namespace": "kube-system"}
    meta = {"apiVersion": f"{_GROUP}/v1", "metadata": {"name": _ROLE}}
    rules = [{"apiGroups": [group], "resources": names, "verbs": verbs} for group, names, verbs in _RIGHTS]
    reference = {"apiGroup": _GROUP, "kind": "ClusterRole", "name": _ROLE}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {**meta, "kind": "ClusterRole", "rules": rules},
        {
            **meta,
            "kind": "ClusterRoleBinding",
            "roleRef": reference,
            "subjects": [{"kind": "ServiceAccount", **account}],
        },
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": NAME,
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    ]
