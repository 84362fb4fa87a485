"""The scopes of a quota: which objects it is about at all."""

from collections.abc import Iterator
from typing import NamedTuple

from sampan.machinery.meta import Object


class Term(NamedTuple):
    """One requirement on objects; all of a quota's must hold."""

    scope: str
    operator: str = "Exists"
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{{{self.scope} {self.operator} [{' '.join(self.values)}]}}"


def terms(quota: Object) -> Iterator[Term]:
    """The scopes of a quota's spec, in both spellings."""
    spec = quota["spec"]
    yield from (Term(scope) for scope in spec.get("scopes") or ())
    yield from map(term_of, (spec.get("scopeSelector") or {}).get("matchExpressions") or ())


def term_of(expression: Object) -> Term:
    """A requirement of a scope selector."""
    values = tuple(expression.get("values") or ())
    return Term(expression.get("scopeName") or "", expression.get("operator") or "", values)


def matches(term: Term, names: set[str]) -> bool:
    """Whether one of the class names that an object has (or that it has none) meets a requirement."""
    match term.operator:
        case "Exists":
            return bool(names)
        case "DoesNotExist":
            return not names
        case "In":
            return bool(names & set(term.values))
        case "NotIn":
            return not names or bool(names - set(term.values))
    return False
