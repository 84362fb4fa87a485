"""All controllers, found by a sorted walk of this package: each module or folder that has a `CONTROLLER` gives one.

Adding a controller is adding a file, or a folder whose `__init__.py` names it. Called by app.py.
"""

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

import sampan.controllers
from sampan.reconcile.controller import Controller


@cache
def all_controllers() -> tuple[type[Controller], ...]:
    """The class of each controller, in the order of module names; to be called with a ControllerContext."""
    names = sorted(module.name for module in pkgutil.iter_modules(sampan.controllers.__path__, "sampan.controllers."))
    modules = [importlib.import_module(name) for name in names if name != __name__]
    return tuple(module.CONTROLLER for module in modules if hasattr(module, "CONTROLLER"))


def is_enabled(name: str, said: Iterable[str]) -> bool:
    """Whether a list as that of --controllers lets a controller run: named, or all by "*", and not taken out by "-"."""
    words = set(said)
    return f"-{name}" not in words and (name in words or "*" in words)
