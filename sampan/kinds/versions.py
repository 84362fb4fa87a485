"""The versions of kinds whose fields never changed: v1, and those that it replaced."""

from sampan.machinery.kind import ServedVersion


def versions(group: str, definition: str, **old: tuple[str, str]) -> tuple[ServedVersion, ...]:
    """v1 of a definition, and versions with the same fields: `v1beta1=("1.19", "1.22")` is deprecated and removed."""
    replacement = f"{group}/v1 {definition.rpartition('.')[2]}"
    return (
        ServedVersion(group, "v1", definition),
        *(
            ServedVersion(group, name, definition, deprecated=deprecated, removed=removed, replacement=replacement)
            for name, (deprecated, removed) in old.items()
        ),
    )
