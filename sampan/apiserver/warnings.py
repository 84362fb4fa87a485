"""Warning headers (RFC 7234, 5.5; KEP-1693): deprecated versions, and what kinds and decoding have to say."""

from collections.abc import Iterable
from functools import cache

from sampan.machinery.kind import Served

_MAX_TOTAL = 4096  # characters of all warnings together


@cache
def _sentence(api_version: str, kind: str, deprecated: str, removed: str, replacement: str) -> str:
    text = f"{api_version} {kind} is deprecated in v{deprecated}+"
    if removed:
        text += f", unavailable in v{removed}+"
    return f"{text}; use {replacement}" if replacement else text


def deprecation(served: Served) -> str:
    """`extensions/v1beta1 Deployment is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 Deployment`."""
    version = served.version
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
