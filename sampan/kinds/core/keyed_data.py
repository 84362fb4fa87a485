"""What ConfigMaps and Secrets have in common: keys, the size limit, the switch that makes them immutable (KEP-1412)."""

from collections.abc import Iterable

from sampan.kinds.checks import Errors
from sampan.machinery.meta import Object
from sampan.machinery.tree import semantic_equal
from sampan.machinery.validation import Path, check, config_key, forbidden

MAX_SIZE = 1024 * 1024  # bytes of all values together


def keys(data: Iterable[str], path: Path) -> Errors:
    """What is wrong with the keys."""
    for key in data:
        yield from check(path.key(key), key, config_key(key))


def base64_size(text: str) -> int:
    """How many bytes a base64 text stands for."""
    return len(text) // 4 * 3 - text[-2:].count("=")


def unchanged_if_immutable(new: Object, old: Object, *fields: str) -> Errors:
    """Once `immutable` is true, neither it nor the data may change."""
    if not old.get("immutable"):
        return
    detail = "field is immutable when `immutable` is set"
    if not new.get("immutable"):
        yield forbidden("immutable", detail)
    for field in fields:
        if not semantic_equal(new.get(field), old.get(field)):
            yield forbidden(field, detail)
