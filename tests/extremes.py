"""Hypothesis strategies for objects whose numbers, quantities, percentages and times are at their extremes.

Places are found by the field schema, in an object that is otherwise valid: every field of such a type that it has, that
its objects and lists could have, and the annotations that components read numbers from.
"""

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from sampan.machinery.kind import Served
from sampan.machinery.schema import Field
from tests.catalogue import CATALOGUE
from tests.clients.objects import objects

Place = tuple[str | int, ...]
INT32 = [0, 1, -1, 2**31 - 1, -(2**31)]
INT64 = [*INT32, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]
TIMES = ["0001-01-01T00:00:01", "1969-12-31T23:59:59", "2025-01-01T00:00:00", "9999-12-31T23:59:59"]
EXTREMES: dict[str, list[Any]] = {
    "int32": INT32,
    "int64": INT64,
    "double": [0.0, -1.0, 5e-324, 1e308, -1e308],
    "time": [f"{time}Z" for time in TIMES],
    "micro-time": [f"{time}.999999Z" for time in TIMES],
    "quantity": ["0", "-1", "1n", "1e308", "-1e308", "8Ei", "9223372036854775807", "-9223372036854775808", "1e-300"],
    "int-or-string": [*INT32, "0%", "100%", "101%", "2147483647%", "99999999999999999999%", "-1%"],
    "schedule": ["@every 1s", "@every 2562047h", "* * * * *", "0 0 29 2 *", "0 0 30 2 *", "@every 1ns"],
}
TEXTS = [*map(str, INT64), "9" * 400, "9" * 5000, "", "1_0", "\u0661", "+1"]
ANNOTATIONS = [
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "controller.kubernetes.io/pod-deletion-cost",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-index-failure-count",
    "deprecated.daemonset.template.generation",
    "deprecated.deployment.rollback.to",
]
SPACES = 2  # how many objects that the sample lacks may lie between it and a field


def changes(
    served: Served, sample: Any, part: str, *, most: int = 4, spaces: int = SPACES
) -> st.SearchStrategy[list[tuple[Place, Any]]]:
    """Some extreme values for fields below a part of an object (`spec`, `status`; empty for all but these)."""
    below = [(place, values) for place, values in _all(served, sample, spaces) if _part(place) == part]
    if not below:
        return st.just([])
    one = st.sampled_from(below).flatmap(lambda found: st.tuples(st.just(found[0]), st.sampled_from(found[1])))
    return st.lists(one, min_size=1, max_size=most)


def changed(sample: Any, wanted: list[tuple[Place, Any]]) -> Any:
    """A copy with these values, and with what it lacks on the way to them."""
    tree = copy.deepcopy(sample)
    for place, value in wanted:
        _put(tree, place, value)
    return tree


def _part(place: Place) -> str:
    return str(place[0]) if place[0] in ("spec", "status") else ""


def _all(served: Served, sample: Any, spaces: int) -> list[tuple[Place, list[Any]]]:
    root = CATALOGUE.schema.definition(served.version.definition)
    found = [(place, values) for place, values in _places(root.as_field, sample, (), spaces) if place[0] != "metadata"]
    return found + [(("metadata", "annotations", name), TEXTS) for name in ANNOTATIONS]


def _places(field: Field, tree: Any, place: Place, spaces: int) -> Iterator[tuple[Place, list[Any]]]:
    """Where an extreme value may go at or below a field, and the values."""
    name = "schedule" if place[-1:] == ("schedule",) else field.format or field.type
    if name in EXTREMES:
        yield place, EXTREMES[name]
    elif field.type == "object" and spaces >= 0:
        for name, below in field.definition.fields.items():
            there = tree.get(name) if isinstance(tree, dict) else None
            yield from _places(below, there, (*place, name), spaces - (there is None))
    elif field.type == "array" and field.items and spaces >= 0:
        for number, item in enumerate(tree or [None]):
            yield from _places(field.items, item, (*place, number), spaces)
    elif field.type == "map" and field.items and spaces >= 0:
        for key in tree or ["cpu"]:
            yield from _places(field.items, (tree or {}).get(key), (*place, key), spaces)


def _put(tree: Any, place: Place, value: Any) -> None:
    for step, following in pairwise(place):
        missing: Any = [] if isinstance(following, int) else {}
        if isinstance(tree, list) and len(tree) == step:
            tree.append(missing)
        elif isinstance(tree, dict) and tree.get(step) is None:
            tree[step] = missing
        tree = tree[step]
    if isinstance(tree, list) and len(tree) == place[-1]:
        tree.append(value)
    else:
        tree[place[-1]] = value


def samples() -> list[tuple[Served, Any]]:
    """An object of every kind that can be kept."""
    found = []
    for tree in objects():
        kind = next(
            kind for kind in CATALOGUE.kinds if (kind.api_version, kind.name) == (tree["apiVersion"], tree["kind"])
        )
        found.append((Served(kind, kind.storage), tree))
    return found
