"""One write's objects in the versions that webhooks and policies ask for, each made and encoded once.

    versions = Versions(services, admission)
    pair = await versions.pair(place)           # trees, shared: not to be changed
    await versions.put(place, tree)             # a changed object, private

Built-in kinds convert at once; custom resources whose definition names a webhook wait for it. Bodies of other kinds (a
Scale, a Binding) are what they are in every version. Upstream: k8s.io/apiserver/pkg/admission (VersionedAttributes).
"""

from typing import NamedTuple

import orjson

from sampan.apiserver.admission.attributes import Admission, GroupVersionKind
from sampan.apiserver.admission.dynamic.rules import Place, Target
from sampan.apiserver.extensions.conversion import convert
from sampan.apiserver.services import Services
from sampan.machinery.errors import InternalError
from sampan.machinery.kind import Served
from sampan.machinery.meta import Object
from sampan.machinery.tree import deep_copy


class Pair(NamedTuple):
    """The object and the old object, in one version."""

    obj: Object | None
    old: Object | None


class Versions:
    """See the module."""

    def __init__(self, services: Services, admission: Admission) -> None:
        self.services, self.admission = services, admission
        self._pairs: dict[Place, Pair] = {}
        self._encoded: dict[Place, tuple[orjson.Fragment, orjson.Fragment]] = {}

    @property
    def target(self) -> Target:
        """The request, for rules."""
        admission = self.admission
        version = admission.served.version
        place = Place(version.group, version.version)
        plural = admission.kind.plural
        return Target(admission.operation, place, plural, admission.subresource, admission.namespace, admission.name)

    @property
    def places(self) -> tuple[Place, ...]:
        """All versions in which the resource is served, across groups."""
        kind = self.admission.kind
        found = self.admission.call.catalogue.stored(kind.group, kind.plural) or kind
        return tuple(Place(version.group, version.version) for version in found.versions)

    def kind_in(self, place: Place) -> GroupVersionKind:
        """The type in which the object is shown."""
        admission = self.admission
        return admission.sent if admission.foreign else GroupVersionKind(*place, admission.kind.name)

    async def pair(self, place: Place) -> Pair:
        """Both objects in a version. Raises InternalError where a conversion fails."""
        if place not in self._pairs:
            admission = self.admission
            self._pairs[place] = Pair(await self._shown(admission.obj, place), await self._shown(admission.old, place))
        return self._pairs[place]

    async def encoded(self, place: Place) -> tuple[orjson.Fragment, orjson.Fragment]:
        """The same as JSON."""
        if place not in self._encoded:
            obj, old = await self.pair(place)
            self._encoded[place] = (orjson.Fragment(orjson.dumps(obj)), orjson.Fragment(orjson.dumps(old)))
        return self._encoded[place]

    async def put(self, place: Place, tree: Object, validation: str = "Ignore") -> bool:
        """Read a changed object, private, in the place of the old; whether it differs. Raises APIError."""
        admission = self.admission
        if admission.foreign:
            changed = tree != admission.obj
            admission.obj = tree
        else:
            read, _ = admission.call.catalogue.codec(self.served(place)).decode(tree, validation)
            new = await self._converted(read, self.admission.served)
            changed = new != admission.obj
            admission.obj = new
        self._pairs.clear()
        self._encoded.clear()
        return changed

    async def _shown(self, obj: Object | None, place: Place) -> Object | None:
        if obj is None or self.admission.foreign:
            return obj
        served = self.served(place)
        return self.admission.call.catalogue.codec(served).encode(await self._converted(obj, served))

    def served(self, place: Place) -> Served:
        """The kind in a version."""
        return self.admission.call.catalogue.by_resource[(*place, self.admission.kind.plural)]

    async def _converted(self, obj: Object, served: Served) -> Object:
        """A custom resource in another version; requests for built-in kinds work on the storage version."""
        version = served.version
        if version.structure is None or obj["apiVersion"] == version.api_version:
            return obj
        resource = version.structure.resource
        if resource.webhook is None:
            other = {**deep_copy(obj), "apiVersion": version.api_version}
        else:
            (other,) = await convert(self.services.webhooks, resource.webhook, [obj], version.api_version)
        return resource.accept(other, version.version)


def internal(text: str) -> InternalError:
    """A 500 in the form of k8s.io/apimachinery/pkg/api/errors (NewInternalError)."""
    return InternalError(f"Internal error occurred: {text}", details={"causes": [{"message": text}]})
