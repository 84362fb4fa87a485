"""Stored objects in the version in which a client speaks."""

from sampan.kinds.registry import Served
from sampan.machinery.codec import codec_for
from sampan.machinery.meta import Object


def in_version(served: Served, obj: Object) -> Object:
    """The object (storage version, shared) in the served version; shares what needs no conversion."""
    return codec_for(served.kind, served.version).encode(obj)
