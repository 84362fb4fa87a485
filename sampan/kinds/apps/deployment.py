"""Deployment: declarative updates of pods by way of ReplicaSets."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="Deployment",
    plural="deployments",
    versions=(
        ServedVersion("apps", "v1", "io.k8s.api.apps.v1.Deployment"),
        ServedVersion(
            "apps",
            "v1beta2",
            "io.k8s.api.apps.v1.Deployment",
            deprecated="1.9",
            removed="1.16",
            replacement="apps/v1 Deployment",
        ),
        ServedVersion(
            "apps",
            "v1beta1",
            "io.k8s.api.apps.v1.Deployment",
            deprecated="1.8",
            removed="1.16",
            replacement="apps/v1 Deployment",
        ),
        ServedVersion(
            "extensions",
            "v1beta1",
            "io.k8s.api.apps.v1.Deployment",
            deprecated="1.8",
            removed="1.16",
            replacement="apps/v1 Deployment",
        ),
    ),
    short_names=("deploy",),
    categories=("all",),
)
