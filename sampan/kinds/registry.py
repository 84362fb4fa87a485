"""All kinds, found by a sorted walk of this package: every module that has a `KIND` gives exactly one.

Adding a kind is adding a file. Called by the API server for routes and discovery, and by controllers that handle any
kind (garbage collection, namespace deletion). Lookups are plain dicts, filled once.
"""

import importlib
import pkgutil
from functools import cache
from typing import NamedTuple

import sampan.kinds
from sampan.machinery.kind import Kind, ServedVersion


class Served(NamedTuple):
    """A kind in one of its versions."""

    kind: Kind
    version: ServedVersion


@cache
def all_kinds() -> tuple[Kind, ...]:
    """Every kind, in the order of module names."""
    names = sorted(m.name for m in pkgutil.walk_packages(sampan.kinds.__path__, "sampan.kinds."))
    modules = [importlib.import_module(name) for name in names if name != __name__]
    return tuple(module.KIND for module in modules if isinstance(getattr(module, "KIND", None), Kind))


@cache
def by_resource() -> dict[tuple[str, str, str], Served]:
    """(group, version, plural) -> kind and version. Raises ValueError when two files claim one place."""
    table: dict[tuple[str, str, str], Served] = {}
    for kind in all_kinds():
        for version in kind.versions:
            place = (version.group, version.version, kind.plural)
            if place in table:
                raise ValueError(f"{place} is registered by {table[place].kind.name} and {kind.name}")
            table[place] = Served(kind, version)
    return table


@cache
def by_kind() -> dict[tuple[str, str], Served]:
    """(apiVersion, kind name) -> kind and version, for manifests, owner references and object references."""
    return {(s.version.api_version, s.kind.name): s for s in by_resource().values()}
