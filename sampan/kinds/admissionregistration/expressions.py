"""CEL expressions of admission: where each may stand, what it may speak of, and whether it compiles.

Every expression of this group comes through `validate_expression`, and only here is the compiler asked. Rules:
k8s.io/apiserver/pkg/admission/plugin/cel (OptionalVariableDeclarations).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sampan.kinds.checks import Errors
from sampan.machinery.validation import Path


@dataclass(frozen=True, slots=True)
class Use:
    """What an expression is for: the type of its result, and the names beyond `object`, `oldObject` and `request`."""

    result: str  # "bool", "string", "string or null", "apply configuration", "json patch", "any"
    params: bool = False  # whether `params` is known
    authorizer: bool = True
    variables: Mapping[str, str] = field(default_factory=dict)  # names and expressions of the variables before it


def validate_expression(expression: str, path: Path, use: Use) -> Errors:
    """What is wrong with an expression that is not empty."""
    yield from ()
