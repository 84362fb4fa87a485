"""Warning headers (RFC 7234, 5.5; KEP-1693): deprecated versions, and what kinds and decoding have to say."""

from collections.abc import Iterable

from sampan import KUBERNETES_VERSION
from sampan.machinery.kind import Served

_MAX_TOTAL = 4096  # characters of all warnings together


def _sentence(api_version: str, kind: str, deprecated: str, removed: str, replacement: str) -> str:
    if removed and _minor(removed) <= _minor(KUBERNETES_VERSION):
        text = f"{api_version} {kind} was removed from Kubernetes in {removed}; served by Sampan"
    else:
        text = f"{api_version} {kind} is deprecated in v{deprecated}+"
        text += f", unavailable in v{removed}+" if removed else ""
    return f"{text}; use {replacement}" if replacement else text


def _minor(version: str) -> tuple[int, int]:
    major, minor, *_ = version.removeprefix("v").split(".")
    return int(major), int(minor)


def deprecation(served: Served) -> str:
    """`policy/v1beta1 X is deprecated in v1.36+, unavailable in v1.40+; use policy/v1 X`, as upstream says it; of what
    upstream has removed by now, that it is served here. Empty for versions that are not deprecated."""
    version = served.version
    if version.warning or not version.deprecated:
        return version.warning
    return _sentence(version.api_version, served.kind.name, version.deprecated, version.removed, version.replacement)


def headers(warnings: Iterable[str]) -> list[tuple[str, str]]:
    """One Warning header for each different text, within upstream's total size."""
    found, total = [], 0
    for text in dict.fromkeys(warnings):
        clean = "".join(char if char.isprintable() else " " for char in text)
        total += len(clean)
        if total > _MAX_TOTAL:
            break
        quoted = clean.replace("\\", "\\\\").replace('"', '\\"')
        found.append(("Warning", f'299 - "{quoted}"'))
    return found
