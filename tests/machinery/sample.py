"""A small kind and a few objects that several test modules use."""

from typing import Any

from sampan.machinery.codec import Codec, codec_for
from sampan.machinery.kind import Kind, ServedVersion

POD = "io.k8s.api.core.v1.Pod"
DEPLOYMENT = "io.k8s.api.apps.v1.Deployment"


def kind(name: str, plural: str, definition: str, group: str = "", **more: Any) -> Kind:
    """A kind with one version, v1, and no rules of its own."""
    return Kind(name=name, plural=plural, versions=(ServedVersion(group, "v1", definition),), **more)


def codec(of: Kind) -> Codec:
    """The codec of a kind's storage version."""
    return codec_for(of, of.storage)


POD_KIND = kind("Pod", "pods", POD)
DEPLOYMENT_KIND = kind("Deployment", "deployments", DEPLOYMENT, "apps")


def container(name: str = "web", **more: Any) -> dict[str, Any]:
    """A container as a client writes it."""
    return {"name": name, "image": "nginx", **more}


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A pod as a client writes it."""
    return {"metadata": {"name": "p"}, "spec": {"containers": list(containers) or [container()], **spec}}
