"""Stored objects in the version that the client speaks."""

from sampan.apiserver.call import Call
from sampan.apiserver.extensions.views import is_stored, working
from sampan.machinery.meta import Object
from sampan.storage.cached import Cached


def shown(call: Call, entry: Cached) -> Object:
    """A new tree (sharing what is the same) of an entry."""
    return in_version(call, working(call.served, entry))


def is_spliced(call: Call, entry: Cached) -> bool:
    """Whether the stored bytes are what the client wants, but for their head."""
    return call.served.version.convert is None and is_stored(call.served, entry)


def in_version(call: Call, obj: Object) -> Object:
    """A new tree (sharing what is the same) of a stored object."""
    return call.catalogue.codec(call.served).encode(obj)
