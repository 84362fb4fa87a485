"""Node selectors that can't be compiled, in upstream's words. Pure.

Only for what comes from a file: the API holds those of pods and volumes to rules of their own. Source:
k8s.io/component-helpers/scheduling/corev1/nodeaffinity.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sampan.machinery.errors import FieldError
from sampan.machinery.paths import Path, invalid, not_supported
from sampan.machinery.requirements import EXISTS, GREATER, IN, LESS, NOT_EXISTS, NOT_IN, SelectorError, requirement

Tree = Mapping[str, Any]

_OPERATORS = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": NOT_EXISTS, "Gt": GREATER, "Lt": LESS}


def selector_errors(selector: Tree, path: Path) -> Iterator[FieldError | str]:
    """Of a required node selector."""
    for at, term in enumerate(selector.get("nodeSelectorTerms") or ()):
        yield from _term_errors(term, path.child("nodeSelectorTerms").index(at))


def preference_errors(terms: Sequence[Tree], path: Path) -> Iterator[FieldError | str]:
    """Of preferred terms; one without a weight is passed over."""
    for at, term in enumerate(terms):
        if term.get("weight"):
            yield from _term_errors(term.get("preference") or {}, path.index(at))


def _term_errors(term: Tree, path: Path) -> Iterator[FieldError | str]:
    for at, one in enumerate(term.get("matchExpressions") or ()):
        yield from _label_errors(one, path.child("matchExpressions").index(at))
    for at, one in enumerate(term.get("matchFields") or ()):
        yield from _field_errors(one, path.child("matchFields").index(at))


def _label_errors(expression: Tree, path: Path) -> Iterator[FieldError | str]:
    operator = expression.get("operator", "")
    if operator not in _OPERATORS:
        yield not_supported(path.child("operator"), operator, _OPERATORS)
        return
    try:
        requirement(expression.get("key", ""), _OPERATORS[operator], expression.get("values") or ())
    except SelectorError as error:
        yield f"{path}.{error.message}"


def _field_errors(expression: Tree, path: Path) -> Iterator[FieldError | str]:
    operator, values = expression.get("operator", ""), expression.get("values") or []
    if operator not in ("In", "NotIn"):
        yield not_supported(path.child("operator"), operator, ("In", "NotIn"))
    elif len(values) != 1:
        yield invalid(path.child("values"), values, "must have one element")
