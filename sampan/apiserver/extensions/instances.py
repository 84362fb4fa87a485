"""The objects of a definition, reached in storage: where no version is served, they must go with their definition too.

Not by the routes, for these may lead elsewhere (to another API server) or nowhere (a plural such as `watch`). Admission
is asked as for any deletion. Called by controller.py. Upstream: GetCustomResourceListerCollectionDeleter of
k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go.
"""

from sampan.apiserver.audit.annotations import NOWHERE
from sampan.apiserver.authentication.user import User
from sampan.apiserver.call import Call, Payload
from sampan.apiserver.keys import storage_prefix
from sampan.apiserver.requestinfo import RequestInfo
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.deletecollection import deletecollection
from sampan.kinds.apiextensions.custom_kind import custom_kind
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.kind import Kind, Served
from sampan.machinery.meta import Object, is_deleting
from sampan.transport.messages import Request


class Instances:
    """See the module. Objects are deleted as `user`."""

    def __init__(self, services: Services, builtin: Catalogue, user: User) -> None:
        self._services, self._builtin, self._user = services, builtin, user

    def are_builtin(self, definition: Object) -> bool:
        """Whether what lies in the definition's place in storage belongs to a built-in kind."""
        spec = definition["spec"]
        return self._builtin.has_resource(spec["group"], spec["names"]["plural"])

    async def remove(self, definition: Object) -> bool:
        """Tell all objects of an established definition to go; whether they are gone."""
        kind = stored_kind(definition, self._builtin)
        staying = [obj for obj in self._services.all(kind) if not is_deleting(obj)]
        for namespace in {obj["metadata"].get("namespace", "") for obj in staying}:
            await deletecollection(self._services, self._call(kind, namespace))
        return not self._services.cache.list(storage_prefix(kind)).items

    def _call(self, kind: Kind, namespace: str) -> Call:
        path, version = kind.path(namespace), kind.storage
        info = RequestInfo(
            True,
            "deletecollection",
            path,
            version.group,
            version.version,
            namespace=namespace,
            resource=kind.plural,
            is_collection=True,
        )
        request, served, services = Request("DELETE", path, "", {}), Served(kind, version), self._services
        now = services.now()
        return Call(request, info, self._user, {}, served, services.catalogue, Payload(), now, [], NOWHERE)


def stored_kind(definition: Object, builtin: Catalogue) -> Kind:
    """The kind in its storage version, whether that is served or not."""
    spec = definition["spec"]
    versions = [{**version, "served": version["storage"]} for version in spec["versions"]]
    return custom_kind({**definition, "spec": {**spec, "versions": versions}}, builtin.schema)
