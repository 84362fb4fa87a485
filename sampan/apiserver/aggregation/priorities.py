"""Which groups and versions come first in discovery: a number for each, larger ones first.

Clients resolve a resource that several groups have to the first of them. The numbers of the built-in groups are those
of k8s.io/kubernetes/cmd/kube-apiserver/app (aggregator.go) and pkg/controlplane/apiserver; other servers' come with
their APIServices.
"""

CUSTOM_GROUP, CUSTOM_VERSION = 1000, 100  # of CustomResourceDefinitions
FIRST_GROUP = 20_000
_RETIRED_GROUP, _OTHER_VERSION = 0, 0

# group -> (priority, {version: priority})
_BUILTIN: dict[str, tuple[int, dict[str, int]]] = {
    "apiregistration.k8s.io": (FIRST_GROUP, {}),
    "": (18000, {"v1": 1}),
    "apps": (17800, {"v1": 15}),
    "events.k8s.io": (17750, {"v1": 15, "v1beta1": 5}),
    "authentication.k8s.io": (17700, {"v1": 15, "v1beta1": 9, "v1alpha1": 1}),
    "authorization.k8s.io": (17600, {"v1": 15}),
    "autoscaling": (17500, {"v2": 30, "v1": 15, "v2beta1": 9, "v2beta2": 1}),
    "batch": (17400, {"v1": 15, "v1beta1": 9, "v2alpha1": 9}),
    "certificates.k8s.io": (17300, {"v1": 15, "v1beta1": 9, "v1alpha1": 1}),
    "networking.k8s.io": (17200, {"v1": 15, "v1beta1": 9}),
    "policy": (17100, {"v1": 15, "v1beta1": 9}),
    "rbac.authorization.k8s.io": (17000, {"v1": 15}),
    "storage.k8s.io": (16800, {"v1": 15, "v1beta1": 9, "v1alpha1": 1}),
    "admissionregistration.k8s.io": (16700, {"v1": 15, "v1beta1": 12, "v1alpha1": 9}),
    "apiextensions.k8s.io": (16700, {"v1": 15}),
    "scheduling.k8s.io": (16600, {"v1": 15, "v1beta1": 9, "v1alpha3": 3}),
    "coordination.k8s.io": (16500, {"v1": 15, "v1beta1": 13, "v1alpha2": 12}),
    "node.k8s.io": (16300, {"v1": 15, "v1beta1": 9, "v1alpha1": 1}),
    "discovery.k8s.io": (16200, {"v1": 15, "v1beta1": 12}),
    "resource.k8s.io": (16200, {"v1": 21, "v1beta2": 15, "v1beta1": 9, "v1alpha3": 1}),
    "flowcontrol.apiserver.k8s.io": (16100, {"v1": 21, "v1beta3": 18, "v1beta2": 15, "v1beta1": 12, "v1alpha1": 9}),
    "internal.apiserver.k8s.io": (16000, {"v1alpha1": 9}),
    "storagemigration.k8s.io": (15800, {"v1": 15, "v1beta1": 9}),
    "lifecycle.k8s.io": (15700, {"v1alpha1": 1}),
    "metrics.k8s.io": (100, {}),  # that of a metrics server; nothing is registered for ours
    "extensions": (_RETIRED_GROUP, {}),
    "settings.k8s.io": (_RETIRED_GROUP, {}),
}


def builtin_priorities(group: str, version: str) -> tuple[int, int] | None:
    """The numbers that a built-in version is registered with; None where upstream registers none."""
    known = _BUILTIN.get(group)
    priority = known[1].get(version) if known else None
    return (known[0], priority) if known and priority is not None else None


def group_priority(group: str) -> int:
    """Of a group that this server serves."""
    return _BUILTIN[group][0] if group in _BUILTIN else CUSTOM_GROUP


def version_priority(group: str, version: str) -> int:
    """Of a version that this server serves."""
    return _BUILTIN[group][1].get(version, _OTHER_VERSION) if group in _BUILTIN else CUSTOM_VERSION
