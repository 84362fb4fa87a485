"""Controllers that keep one object of a fixed name in every namespace. Not for those that are being deleted.

The base of service_account.py and root_ca.py.
"""

from collections.abc import Iterable
from typing import ClassVar

from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.machinery.errors import AlreadyExists, NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, is_deleting
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller


class InEachNamespace(Controller):
    """Subclass with the kind and name, and say what the object is to look like."""

    kind: ClassVar[Kind]
    object_name: ClassVar[str]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.namespaces = self.watch(NAMESPACE)
        self.objects = self.watch(self.kind, self._namespace_of)

    def wanted(self, namespace: str, old: Object | None) -> Object | None:
        """The object to write, given the one that is there; None if that is right."""
        raise NotImplementedError

    def _namespace_of(self, obj: Object) -> Iterable[Key]:
        meta = obj["metadata"]
        return (Key("", meta["namespace"]),) if meta["name"] == self.object_name else ()

    async def reconcile(self, key: Key) -> Action:
        namespace = self.namespaces.get(key)
        if namespace is None or is_deleting(namespace):
            return WAIT
        old = self.objects.get(Key(key.name, self.object_name))
        new = self.wanted(key.name, old)
        if new is not None:
            await self._write(old, new)
        return WAIT

    async def _write(self, old: Object | None, new: Object) -> None:
        """Write; that the object or its namespace has come or gone meanwhile will be told by the informers."""
        try:
            await (self.client.update(self.kind, new) if old else self.client.create(self.kind, new))
        except (AlreadyExists, NotFound):
            return
