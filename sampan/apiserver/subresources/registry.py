"""Which subresources a kind serves in a version. /status and /scale follow from the kind; listed.py has the others."""

from sampan.apiserver.subresources.listed import LISTED
from sampan.apiserver.subresources.scale import scale_of
from sampan.apiserver.subresources.status import STATUS
from sampan.apiserver.subresources.subresource import Subresource
from sampan.machinery.kind import Served, ServedVersion


def subresources(served: Served) -> dict[str, Subresource]:
    """The subresources of a kind in a version, by name; "" for kinds that are answered and never stored."""
    kind, found = served.kind, _listed(served.version, served.kind.plural)
    if served.version.scale_only:
        return {"scale": scale_of(served)}
    if kind.has_status and "get" in kind.verbs:
        found.setdefault("status", STATUS)
    if kind.scale:
        found["scale"] = scale_of(served)
    return found


def _listed(version: ServedVersion, plural: str) -> dict[str, Subresource]:
    """By name; a handler of the resource itself has the name ""."""
    found: dict[str, Subresource] = {}
    for (its_group, place), subresource in LISTED.items():
        its_plural, _, name = place.partition("/")
        if (its_group, its_plural) == (version.group, plural) and subresource.only in ("", version.version):
            found[name] = subresource
    return found
