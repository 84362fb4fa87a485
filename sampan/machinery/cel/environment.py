"""Environments: what an expression may use.

    environment = Environment({"object": DYN})
    program = environment.compile("object.spec.replicas <= 5")
    program.evaluate({"object": {...}}).value

The engine is loaded by the first environment that is asked for anything: it is 40 ms and 3 MB that few requests need.
Called by node_rules.py and rules.py, admission's policies and match conditions, and device selectors.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from sampan.machinery.cel.settings import CURRENT, Version, part

if TYPE_CHECKING:
    from sampan.machinery.cel.engine import Engine, Program
    from sampan.machinery.cel.functions import Library
    from sampan.machinery.cel.types import Type


class Environment:
    """Variables with their types, and libraries (all of Kubernetes' if none are named), as a version has them."""

    def __init__(
        self,
        variables: "Mapping[str, Type] | None" = None,
        libraries: "Iterable[Library] | None" = None,
        types: "Mapping[str, Type] | None" = None,
        version: Version = CURRENT,
        bindings: bool = False,
    ) -> None:
        """`bindings`: there is cel.bind, which Kubernetes has for selectors of devices only."""
        self._arguments = (variables, libraries, types, version, bindings)
        self._made: Engine | None = None

    @property
    def _engine(self) -> "Engine":
        if self._made is None:
            self._made = part("engine").engine(*self._arguments)
        return self._made

    def extend(self, variables: "Mapping[str, Type]", types: "Mapping[str, Type] | None" = None) -> "Environment":
        """The same environment with more variables and types. Cheap: the libraries are shared."""
        return self._of(self._engine.extend(variables, types))

    def wrap_types(self, wrap: "Callable[[Mapping[str, Type]], Mapping[str, Type]]") -> "Environment":
        """The same environment with other named types on top of its own, such as mutation.MutationTypes."""
        return self._of(self._engine.wrap_types(wrap))

    def compile(self, text: str) -> "Program":
        """The program of an expression; raises CompileError or InstantiationError."""
        return self._engine.compile(text)

    @classmethod
    def _of(cls, engine: "Engine") -> "Environment":
        made = cls()
        made._made = engine
        return made
