"""The built-in kinds, found by a sorted walk of this package: every module that has a `KIND` gives exactly one.

Adding a kind is adding a file. What follows from them is the catalogue's (machinery/catalogue.py).
"""

import importlib
import pkgutil

import sampan.kinds
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.kind import Kind


def builtin_kinds() -> tuple[Kind, ...]:
    """Every kind, in the order of module names."""
    names = sorted(m.name for m in pkgutil.walk_packages(sampan.kinds.__path__, "sampan.kinds."))
    modules = [importlib.import_module(name) for name in names if name != __name__]
    return tuple(module.KIND for module in modules if isinstance(getattr(module, "KIND", None), Kind))


def builtin_catalogue() -> Catalogue:
    """A new catalogue of the built-in kinds alone."""
    return Catalogue(builtin_kinds())
