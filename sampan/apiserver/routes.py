"""Where a request goes: a dict from (group, version, resource, subresource) to its verbs, made from a catalogue.

Nothing here is per kind except what the kinds and subresources declare; discovery reads the same table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sampan.apiserver.render.status import PageNotFound
from sampan.apiserver.requestinfo import RequestInfo
from sampan.apiserver.services import Verb
from sampan.apiserver.subresources.registry import subresources
from sampan.apiserver.subresources.subresource import Subresource
from sampan.apiserver.verbs.create import create
from sampan.apiserver.verbs.delete import delete
from sampan.apiserver.verbs.deletecollection import deletecollection
from sampan.apiserver.verbs.get import get
from sampan.apiserver.verbs.list import list_objects
from sampan.apiserver.verbs.patch import patch
from sampan.apiserver.verbs.update import update
from sampan.apiserver.verbs.watch import watch
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.errors import MethodNotAllowed, NotFound
from sampan.machinery.kind import Served

_VERBS: Mapping[str, Verb] = {
    "create": create,
    "delete": delete,
    "deletecollection": deletecollection,
    "get": get,
    "list": list_objects,
    "patch": patch,
    "update": update,
    "watch": watch,
}
_ON_COLLECTION = frozenset({"create", "list", "watch", "deletecollection"})
_ACROSS_NAMESPACES = frozenset({"list", "watch"})

Place = tuple[str, str, str, str]  # group, version, plural, subresource


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A resource or subresource in one version, with what can be done to it."""

    served: Served
    verbs: Mapping[str, Verb]
    subresource: Subresource | None = None


@dataclass(frozen=True, slots=True)
class Routes:
    """The table."""

    places: dict[Place, Endpoint] = field(default_factory=dict)

    def find(self, info: RequestInfo) -> tuple[Endpoint, Verb]:
        """The endpoint and verb of a request; raises NotFound, MethodNotAllowed."""
        endpoint = self.places.get((info.group, info.version, info.resource, info.subresource))
        if endpoint is None:
            raise NotFound.path() if self._serves(info.group, info.version) else PageNotFound
        verb = endpoint.verbs.get(info.verb or _verbless(endpoint))
        if verb is None or not _fits(endpoint, info):
            raise _misplaced(endpoint, info)
        return endpoint, verb

    def _serves(self, group: str, version: str) -> bool:
        return any(place[:2] == (group, version) for place in self.places)

    def knows(self, info: RequestInfo) -> bool:
        """Whether there is such a place."""
        return (info.group, info.version, info.resource, info.subresource) in self.places


def _verbless(endpoint: Endpoint) -> str:
    """What a method without a verb is served as."""
    return "get" if endpoint.subresource is not None and endpoint.subresource.any_method else ""


def _fits(endpoint: Endpoint, info: RequestInfo) -> bool:
    """Whether the path has the namespace and name that the verb needs, and no more."""
    plain, verb = not info.subresource, info.verb
    if plain and verb != "watch" and (verb in _ON_COLLECTION) != info.is_collection:
        return False
    if not endpoint.served.kind.namespaced:
        # A namespace lies in itself, so that roles in it apply to it; another one's path would lend it its roles.
        in_itself = _is_namespace(info) and info.namespace == info.name and not info.is_collection
        return not info.namespace or in_itself
    return bool(info.namespace) or (plain and verb in _ACROSS_NAMESPACES)


def _is_namespace(info: RequestInfo) -> bool:
    return (info.group, info.resource) == ("", "namespaces")


def _misplaced(endpoint: Endpoint, info: RequestInfo) -> NotFound | MethodNotAllowed:
    namespaced = endpoint.served.kind.namespaced
    in_namespace = info.namespace not in ("", info.name if _is_namespace(info) else "")
    if namespaced != in_namespace and (not namespaced or not info.is_collection):
        return NotFound.path()
    return MethodNotAllowed("the server does not allow this method on the requested resource", details={})


def build(catalogue: Catalogue) -> Routes:
    """The table of all kinds in all versions."""
    routes = Routes()
    for (group, version, plural), served in catalogue.by_resource.items():
        kind = served.kind
        verbs = {} if served.version.scale_only else {name: _VERBS[name] for name in kind.verbs}
        if kind.is_stored:  # reviews and Binding are answered by a handler of their own
            routes.places[group, version, plural, ""] = Endpoint(served, verbs)
        for name, subresource in subresources(served).items():
            routes.places[group, version, plural, name] = Endpoint(served, subresource.verbs, subresource)
    return routes
