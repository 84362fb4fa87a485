"""Where objects lie in storage: /group/plural/namespace/name, the group being that of the storage version."""

from functools import lru_cache

from sampan.machinery.catalogue import Catalogue
from sampan.machinery.kind import Kind


@lru_cache(maxsize=4096)
def collection(group: str, plural: str) -> str:
    """The prefix of all objects of a resource: `/apps/deployments/`."""
    return f"/{group or 'core'}/{plural}/"


def storage_prefix(kind: Kind, namespace: str = "") -> str:
    """The prefix of a kind's objects, of one namespace or of all."""
    root = collection(kind.group, kind.plural)
    return f"{root}{namespace}/" if namespace else root


def storage_key(kind: Kind, namespace: str, name: str) -> str:
    """The key of an object."""
    root = collection(kind.group, kind.plural)
    return f"{root}{namespace}/{name}" if kind.namespaced else root + name


def describe(catalogue: Catalogue, prefix: str) -> tuple[str, str]:
    """(apiVersion, kind) of what is stored below a collection's prefix; the watch cache asks.

    What a catalogue lacks (the kind of a deleted definition, or of a newer release) still lies in storage, where nobody
    can reach it; it gets a name all the same.
    """
    _, group, plural, _ = prefix.split("/")
    kind = catalogue.stored("" if group == "core" else group, plural)
    return (kind.api_version, kind.name) if kind else (group, plural)
