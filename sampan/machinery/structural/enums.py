"""Enumerations: which values are in one, by Go's rules of conversion between numbers. Called by validation.py.

null is in none, even where it is listed: a nullable field with an enumeration can be absent, not null.
"""

import json
from collections.abc import Iterator
from typing import Any

from sampan.machinery import errors
from sampan.machinery.places import Place
from sampan.machinery.structural.problems import Problem, Problems, as_go_shows
from sampan.machinery.structural.schema import Structural
from sampan.machinery.structural.words import Check, same


def enum_check(node: Structural) -> Iterator[Check]:
    """The check of a node's enumeration, if it has one."""
    values = list(node.raw.get("enum") or ())
    if not values:
        return
    texts = frozenset(value for value in values if type(value) is str)
    detail = "supported values: " + ", ".join(f'"{_shown(value)}"' for value in values)

    def check(value: Any, place: Place, out: Problems) -> None:
        good = value in texts if type(value) is str else any(_equal(value, one) for one in values)
        if not good:
            out.append(Problem(errors.FIELD_NOT_SUPPORTED, place, place, detail, value))

    yield check


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(as_go_shows(value), separators=(",", ":"))
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _equal(value: Any, listed: Any) -> bool:
    """A number is converted to the type of the one that is listed."""
    if value is None or listed is None:
        return False
    if type(value) in (int, float) and type(listed) in (int, float):
        return bool(type(listed)(value) == listed)
    return same(value, listed)
