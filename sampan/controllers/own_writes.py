"""Waiting for the informer to show what a controller has itself created and deleted.

Without it a controller that looks at a slow informer creates the same thing twice. Upstream counts expected events
("expectations") and gives up after five minutes; here the question is asked of the informer directly, so there is
nothing to count or to lose: a creation is seen when the informer is as new as the answer to it, a deletion when the
informer no longer has the object alive.
"""

from sampan.client.informer import Informer
from sampan.machinery.meta import Key, Object, is_deleting, key_of
from sampan.reconcile.action import after

OWN_WRITES_UNSEEN = after(1.0)  # the event that shows them comes sooner, unless the object is gone before it is seen


class OwnWrites:
    """The outstanding writes of one controller to one kind, by the key of the owner."""

    def __init__(self, informer: Informer) -> None:
        self._informer = informer
        self._created: dict[Key, Object] = {}  # the newest is enough
        self._deleted: dict[Key, list[Object]] = {}

    def created(self, owner: Key, answer: Object) -> None:
        """A create for `owner` returned this."""
        newest = self._created.get(owner)
        if newest is None or _revision(answer) > _revision(newest):
            self._created[owner] = answer

    def deleted(self, owner: Key, obj: Object) -> None:
        """This object of `owner` was deleted, or its graceful deletion begun."""
        self._deleted.setdefault(owner, []).append(obj)

    def seen(self, owner: Key) -> bool:
        """Whether the informer shows all writes for `owner`."""
        if (newest := self._created.get(owner)) is not None:
            if not self._informer.has_seen(newest):
                return False
            del self._created[owner]
        alive = [obj for obj in self._deleted.pop(owner, ()) if self._is_alive(obj)]
        if alive:
            self._deleted[owner] = alive
        return not alive

    def forget(self, owner: Key) -> None:
        """The owner is gone."""
        self._created.pop(owner, None)
        self._deleted.pop(owner, None)

    def _is_alive(self, obj: Object) -> bool:
        shown = self._informer.get(key_of(obj))
        return shown is not None and shown["metadata"]["uid"] == obj["metadata"]["uid"] and not is_deleting(shown)


def _revision(obj: Object) -> int:
    return int(obj["metadata"]["resourceVersion"])
