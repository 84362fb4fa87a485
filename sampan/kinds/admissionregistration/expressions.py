"""CEL expressions of admission: what each may speak of, and whether it compiles.

Every expression of this group comes through `Expressions`, and only here is the compiler asked. It is loaded with the
first expression: it takes a tenth of a second, and a server that has no policies needs none.
"""

from typing import TYPE_CHECKING

from sampan.kinds.checks import Errors
from sampan.machinery.validation import Path, invalid

if TYPE_CHECKING:
    from sampan.machinery.cel.environment import Environment
    from sampan.machinery.cel.types import Type

_PATCHES = ("apply configuration", "json patch")


class Expressions:
    """The expressions of one webhook or policy; variables are known from where they stand on."""

    def __init__(self, *, params: bool = False, variables: bool = False) -> None:
        """`params`: whether parameters are known; `variables`: whether there can be variables."""
        self._params = params
        self._types: dict[str, Type] | None = {} if variables else None
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
        self._types = {**(self._types or {}), name: type_}
        if wrong:
            yield invalid(path, text, wrong)

    def _environment(self, authorizer: bool, patches: bool) -> "Environment":
        from sampan.machinery.cel import admission

        place = (authorizer, patches)
        if place not in self._environments:
            self._environments[place] = admission.admission_environment(
                params=self._params, authorizer=authorizer, patches=patches
            )
        found = self._environments[place]
        return found if self._types is None else admission.with_variables(found, self._types)
