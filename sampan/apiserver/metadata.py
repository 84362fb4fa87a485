"""ObjectMeta under writes: what the server sets, what it keeps, what it refuses.

Pure but for the random source of names and uids. Rules: k8s.io/apiserver/pkg/registry/rest (BeforeCreate,
BeforeUpdate, FillObjectMetaSystemFields) and API conventions, "Metadata".
"""

import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sampan.machinery.errors import APIError, BadRequest
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, format_time
from sampan.machinery.tree import semantic_equal

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, no look-alikes
_SUFFIX_LENGTH = 5
_MAX_BASE = 63 - _SUFFIX_LENGTH
_MAX_DIGITS = 20  # of a number of 64 bits
_random = random.SystemRandom()
_unique = random.Random()  # seeded by the system; for what is no secret, where asking it each time costs a write 10 us

# Set by the server alone; an update keeps the old object's.
_SYSTEM_FIELDS = ("creationTimestamp", "uid", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_WIPED = ("creationTimestamp", "uid", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")


def generate_name(base: str) -> str:
    """`base` (cut to 58 characters) with a random suffix."""
    return base[:_MAX_BASE] + random_suffix()


def random_suffix(length: int = _SUFFIX_LENGTH) -> str:
    """Random characters of the alphabet of generated names."""
    return "".join(_random.choices(_SUFFIX_ALPHABET, k=length))


def new_uid() -> str:
    """A random UUID: version 4 of RFC 9562."""
    bits = f"{_unique.getrandbits(128):032x}"
    variant = "89ab"[int(bits[16], 16) & 3]
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-{variant}{bits[17:20]}-{bits[20:]}"


def settle_namespace(obj: Object, namespace: str) -> None:
    """Give the object the request's namespace; raises BadRequest where it names another."""
    meta = obj["metadata"]
    own = meta.get("namespace") or ""
    if not own:
        if namespace:
            meta["namespace"] = namespace
        else:
            meta.pop("namespace", None)
    else:
        check_namespace(meta, namespace)


def check_namespace(meta: Mapping[str, Any], namespace: str) -> None:
    """Raises BadRequest where the metadata name another namespace than the request's, under which it was authorized."""
    if (meta.get("namespace") or namespace) != namespace:
        raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")


def settle_name(obj: Object, name: str) -> None:
    """Check the object's name against the URL's; raises BadRequest."""
    meta = obj["metadata"]
    own = meta.get("name") or ""
    if not own:
        raise BadRequest("name must be provided")
    if own != name:
        raise BadRequest(f"the name of the object ({own}) does not match the name on the URL ({name})")


def check_new(obj: Object) -> None:
    """Raises where what is to be created says that it is stored already; what is no version or 0 says nothing."""
    version = str(obj["metadata"].get("resourceVersion") or "0")
    if version.isascii() and version.isdecimal() and int(version[:_MAX_DIGITS]):
        # Upstream answers this with an error that has no reason; it is still the client's fault.
        raise APIError("resourceVersion should not be set on objects to be created", code=400, reason="")


def wipe_system_fields(obj: Object) -> None:
    """Take away, in place, what only the server sets."""
    for field in _WIPED:
        obj["metadata"].pop(field, None)


def prepare_create(kind: Kind, obj: Object, now: datetime) -> None:
    """Fill in the system fields of a new object. Its name must be settled (generated) by now."""
    meta = obj["metadata"]
    for field in ("resourceVersion", "generation"):
        meta.pop(field, None)
    wipe_system_fields(obj)
    meta["creationTimestamp"] = format_time(now)
    meta["uid"] = new_uid()
    if kind.has_generation:
        meta["generation"] = 1


def prepare_update(kind: Kind, new: Object, old: Object) -> None:
    """Carry the system fields over from the old object."""
    meta, kept = new["metadata"], old["metadata"]
    for field in _SYSTEM_FIELDS:
        if field in kept:
            meta[field] = kept[field]
        else:
            meta.pop(field, None)
    meta.pop("selfLink", None)


def bump_generation(kind: Kind, new: Object, old: Object) -> None:
    """Count a change of the desired state, in place."""
    if kind.has_generation and not semantic_equal(kind.counted(new), kind.counted(old)):
        meta = new["metadata"]
        meta["generation"] = meta.get("generation", 0) + 1
