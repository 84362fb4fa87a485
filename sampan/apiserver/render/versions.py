"""Stored objects in the version that the client speaks."""

from sampan.apiserver.call import Call
from sampan.machinery.meta import Object


def in_version(call: Call, obj: Object) -> Object:
    """A new tree (sharing what is the same) of a stored object."""
    return call.catalogue.codec(call.served).encode(obj)
