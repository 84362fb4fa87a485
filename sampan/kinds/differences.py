"""What an update changed that it may not change, as text for an error."""

from collections.abc import Iterator
from typing import Any

from sampan.machinery.tree import semantic_equal


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The leaves that differ, as `- path: old` and `+ path: new`."""
    if semantic_equal(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for field in sorted(old.keys() | new.keys()):
            yield from differences(old.get(field), new.get(field), f"{path}.{field}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{path}[{index}]")
    else:
        yield from (f"{sign} \t{path}: {value!r}" for sign, value in (("-", old), ("+", new)) if value is not None)
