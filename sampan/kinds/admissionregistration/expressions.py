"""CEL expressions of admission: what each may speak of, and whether it compiles.

Every expression of this group comes through `Expressions`, and only here is the compiler asked. It is loaded with the
first expression: it takes a tenth of a second, and a server that has no policies needs none.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from sampan.kinds.checks import Errors
from sampan.machinery.validation import Path, invalid

if TYPE_CHECKING:
    from sampan.machinery.cel.admission import Variables
    from sampan.machinery.cel.environment import Environment

_PATCHES = ("apply configuration", "json patch")


class Expressions:
    """The expressions of one webhook or policy; variables are known from where they stand on."""

    def __init__(self, *, params: bool = False, variables: bool = False) -> None:
        """`params`: whether parameters are known; `variables`: whether there can be variables."""
        self._params = params
        self._has_variables = variables
        self._environments: dict[tuple[bool, bool], Environment] = {}

    def check(self, text: str, path: Path, result: str, *, authorizer: bool = True) -> Errors:
        """What is wrong with an expression that is not empty. `result`: see RESULTS in cel/admission.py."""
        from sampan.machinery.cel import admission

        _, wrong = admission.compiled(self._environment(authorizer, result in _PATCHES), text, result)
        if wrong:
            yield invalid(path, text, wrong)

    def variable(self, name: str, text: str, path: Path) -> Errors:
        """The same for a variable, which expressions after it know."""
        from sampan.machinery.cel import admission

        type_, wrong = admission.compiled(self._environment(True, False), text, "any")
        self._variables.add(name, type_)
        if wrong:
            yield invalid(path, text, wrong)

    @cached_property
    def _variables(self) -> "Variables":
        from sampan.machinery.cel.admission import Variables

        return Variables()

    def _environment(self, authorizer: bool, patches: bool) -> "Environment":
        from sampan.machinery.cel import admission

        place = (authorizer, patches)
        if place not in self._environments:
            made = admission.admission_environment(params=self._params, authorizer=authorizer, patches=patches)
            self._environments[place] = self._variables.known_to(made) if self._has_variables else made
        return self._environments[place]
