"""What an informer shows, or newer: what we wrote ourselves and it has not seen yet.

Binding writes four times; without this each write would meet a conflict until the informer has caught up. Called by
controller.py. Upstream keeps such a cache of its own, for the same reason.
"""

from sampan.client.informer import Informer
from sampan.machinery.meta import Key, Object, key_of


class Latest:
    """The objects of one kind."""

    def __init__(self, informer: Informer) -> None:
        self._informer = informer
        self._written: dict[Key, Object] = {}

    def wrote(self, answer: Object) -> None:
        """A write returned this."""
        self._written[key_of(answer)] = answer

    def get(self, key: Key) -> Object | None:
        """The newest form that is known here."""
        written = self._written.get(key)
        if written is None:
            return self._informer.get(key)
        if self._informer.has_seen(written):
            del self._written[key]
            return self._informer.get(key)
        return written

    def unseen(self) -> list[Object]:
        """What we wrote and the informer, with its indices, does not show."""
        for key in [key for key, written in self._written.items() if self._informer.has_seen(written)]:
            del self._written[key]
        return list(self._written.values())
