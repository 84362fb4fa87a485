"""Which subresources a kind serves in a version. /status and /scale follow from the kind; listed.py has the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from sampan.apiserver.call import Verb
from sampan.machinery.kind import Served


@dataclass(frozen=True, slots=True)
class Subresource:
    """One subresource. The group, version and kind are of what it takes and gives, where that is not the object."""

    verbs: Mapping[str, Verb]
    kind: str = ""
    group: str = ""
    version: str = ""


def subresources(served: Served) -> dict[str, Subresource]:
    """The subresources of a kind in a version, by name; "" for kinds that are answered and never stored."""
    from sampan.apiserver.subresources.scale import scale_of
    from sampan.apiserver.subresources.status import STATUS

    kind, found = served.kind, dict(_listed().get((served.version.group, served.kind.plural), {}))
    if kind.has_status and "get" in kind.verbs:
        found["status"] = STATUS
    if kind.scale:
        found["scale"] = scale_of(served)
    return found


@cache
def _listed() -> dict[tuple[str, str], dict[str, Subresource]]:
    """(group, plural) -> subresources; a handler of the resource itself has the name ""."""
    from sampan.apiserver.subresources.listed import LISTED

    found: dict[tuple[str, str], dict[str, Subresource]] = {}
    for (group, place), subresource in LISTED.items():
        plural, _, name = place.partition("/")
        found.setdefault((group, plural), {})[name] = subresource
    return found
