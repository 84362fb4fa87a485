"""What a media type can do; serializers.py is the table of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from sampan.apiserver.call import Call, Change, Many
from sampan.machinery.meta import Object
from sampan.storage.cached import Cached

Rest = Sequence[bytes | memoryview]
Encode = Callable[[Change], bytes]
# The parts of a list, of at most so many objects: each is a list of its own, its items last. May be asked for again.
Parts = Callable[[int], Iterator[Object]]


class Serializer(Protocol):
    """One media type. Trees are what has its type in itself: Status, Table, metadata, whatever is not stored."""

    @property
    def media_type(self) -> str:
        """The content type of an answer."""

    @property
    def stream_type(self) -> str:
        """That of a watch; "" where there are none."""

    def tree(self, tree: Any) -> bytes:
        """An object by itself."""

    def entry(self, call: Call, entry: Cached) -> tuple[bytes, Rest]:
        """An object as it is stored, in the call's version; of a large one, what is no copy is the rest."""

    def many(self, call: Call, result: Many) -> Iterator[bytes]:
        """A list of stored objects, in pieces that are made one after another; some may be empty."""

    def joined(self, parts: Parts) -> Iterator[bytes]:
        """A list of views, of which there is at least one, in pieces as above."""

    def is_quick(self, call: Call) -> bool:
        """Whether lists and events of the call's kind cost next to nothing, however many there are."""

    def frame(self, type: str, tree: Any) -> bytes:
        """A watch event of an object by itself."""

    def changes(self, call: Call) -> Encode:
        """How the changes of a watch of stored objects are written."""
