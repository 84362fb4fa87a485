"""A small kind and a few objects that several test modules use."""

from typing import Any

from sampan.machinery.catalogue import Catalogue
from sampan.machinery.kind import Kind, ObjectCodec, Served, ServedVersion
from sampan.machinery.schema import Definition, load

SCHEMA = load()
POD = "io.k8s.api.core.v1.Pod"
DEPLOYMENT = "io.k8s.api.apps.v1.Deployment"


def kind(name: str, plural: str, definition: str, group: str = "", **more: Any) -> Kind:
    """A kind with one version, v1, and no rules of its own."""
    return Kind(name=name, plural=plural, versions=(ServedVersion(group, "v1", definition),), **more)


def codec(of: Kind, version: ServedVersion | None = None) -> ObjectCodec:
    """The codec of a kind, by default in its storage version."""
    return Catalogue([of]).codec(Served(of, version or of.storage))


def definition(name: str) -> Definition:
    """A definition of the field schema."""
    return SCHEMA.definition(name)


POD_KIND = kind("Pod", "pods", POD)
DEPLOYMENT_KIND = kind("Deployment", "deployments", DEPLOYMENT, "apps")


def container(name: str = "web", **more: Any) -> dict[str, Any]:
    """A container as a client writes it."""
    return {"name": name, "image": "nginx", **more}


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A pod as a client writes it."""
    return {"metadata": {"name": "p"}, "spec": {"containers": list(containers) or [container()], **spec}}
