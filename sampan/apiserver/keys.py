"""Where objects lie in storage: /group/plural/namespace/name, the group being that of the storage version."""

from functools import lru_cache

from sampan.kinds import registry
from sampan.machinery.kind import Kind


@lru_cache(maxsize=4096)
def collection(group: str, plural: str) -> str:
    """The prefix of all objects of a resource: `/apps/deployments/`."""
    return f"/{group or 'core'}/{plural}/"


def prefix_of(kind: Kind, namespace: str = "") -> str:
    """The prefix of a kind's objects, of one namespace or of all."""
    root = collection(kind.group, kind.plural)
    return f"{root}{namespace}/" if namespace else root


def key_of(kind: Kind, namespace: str, name: str) -> str:
    """The key of an object."""
    root = collection(kind.group, kind.plural)
    return f"{root}{namespace}/{name}" if kind.namespaced else root + name


def describe(prefix: str) -> tuple[str, str]:
    """(apiVersion, kind) of what is stored below a collection's prefix; the watch cache asks."""
    _, group, plural, _ = prefix.split("/")
    kind = _kinds()[group, plural]
    return kind.api_version, kind.name


@lru_cache(maxsize=1)
def _kinds() -> dict[tuple[str, str], Kind]:
    return {(kind.group or "core", kind.plural): kind for kind in registry.all_kinds()}
