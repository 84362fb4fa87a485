"""The versions of the storage group's kinds: v1, and a v1beta1 that is the same."""

from sampan.machinery.kind import ServedVersion

GROUP = "storage.k8s.io"


def versions(name: str, deprecated: str, removed: str) -> tuple[ServedVersion, ServedVersion]:
    """Both versions of a kind; v1beta1 was deprecated and removed in some releases."""
    definition, replacement = f"io.k8s.api.storage.v1.{name}", f"{GROUP}/v1 {name}"
    return (
        ServedVersion(GROUP, "v1", definition),
        ServedVersion(GROUP, "v1beta1", definition, deprecated=deprecated, removed=removed, replacement=replacement),
    )
