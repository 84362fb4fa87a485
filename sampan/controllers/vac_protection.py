"""Keeps a VolumeAttributesClass that a volume or a claim names until none does.

Rule: docs, Volume Attributes Classes; KEP-3751; upstream's pkg/controller/volume/vacprotection. Unlike upstream's, this
one asks the API before it lets a class go: a claim that has just been made may not have come here yet.
"""

from collections.abc import Iterator

from sampan.client.informer import Informer
from sampan.controllers.protection import protected, released, wants_decision
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.storage.volume_attributes_class import KIND as ATTRIBUTES_CLASS
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, is_deleting
from sampan.machinery.tree import get_path
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller

FINALIZER = "kubernetes.io/vac-protection"
_INDEX = "by the class of attributes"
_NAMES = (
    ("spec", "volumeAttributesClassName"),
    ("status", "currentVolumeAttributesClassName"),
    ("status", "modifyVolumeStatus", "targetVolumeAttributesClassName"),
)


def classes_of(obj: Object) -> Iterator[str]:
    """The names of the classes that a volume or a claim has, or is to have."""
    yield from {str(name) for path in _NAMES if (name := get_path(obj, path))}


def _keys_of(obj: Object) -> Iterator[Key]:
    return (Key("", name) for name in classes_of(obj))


class ClassProtection(Controller):
    """One key per class."""

    name = "volumeattributesclass-protection-controller"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.classes = self.watch(ATTRIBUTES_CLASS)
        self.users = [self._users(self.watch(kind, _keys_of)) for kind in (CLAIM, VOLUME)]

    def _users(self, informer: Informer) -> Informer:
        informer.add_index(_INDEX, classes_of)
        return informer

    async def reconcile(self, key: Key) -> Action:
        found = self.classes.get(key)
        if found is None or not wants_decision(found, FINALIZER):
            return WAIT
        if is_deleting(found) and await self._is_used(key.name):
            return WAIT
        change = released if is_deleting(found) else protected
        try:
            await self.client.update(ATTRIBUTES_CLASS, change(found, FINALIZER))
        except NotFound:
            return WAIT
        return WAIT

    async def _is_used(self, name: str) -> bool:
        if any(informer.by(_INDEX, name) for informer in self.users):
            return True
        lists = [await self.client.list(informer.kind) for informer in self.users]
        return any(name in classes_of(one) for found in lists for one in found.items)


CONTROLLER = ClassProtection
