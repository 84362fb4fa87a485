"""What can go wrong with an expression, in upstream's words: at compile time, at evaluation, and for want of budget.

Upstream's texts: cel-go common/error.go (the form of a compile error), checker/errors.go, common/types/err.go,
interpreter/runtimecost.go.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_MOST_REPORTED = 100
_LONGEST_SNIPPET = 16384


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault in an expression: its place counted in code points, and what is wrong."""

    offset: int
    message: str


class CompileError(Exception):
    """An expression that does not parse or does not check; str() is every issue with the line it is on."""

    def __init__(self, source: str, issues: Sequence[Issue]) -> None:
        self.source = source
        self.issues = tuple(sorted(issues, key=lambda issue: issue.offset))
        shown = [render(source, issue) for issue in self.issues[:_MOST_REPORTED]]
        if len(self.issues) > _MOST_REPORTED:
            shown.append(f"{len(self.issues) - _MOST_REPORTED} more errors were truncated")
        super().__init__("\n".join(shown))


class InstantiationError(Exception):
    """An expression that checks but of which no program can be made, because a constant has no value."""


class EvaluationError(Exception):
    """An expression that has no value for these inputs; str() is cel-go's wording. `&&`, `||` and macros absorb it."""

    cost = 0  # of the evaluation as far as it got


class BudgetExceeded(Exception):
    """The evaluation cost more than it was given. Nothing absorbs it."""

    def __init__(self, cost: int) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")
        self.cost = cost


def render(source: str, issue: Issue) -> str:
    """`ERROR: <input>:1:5: ...` with the line and a mark under the place."""
    line, column = place(source, issue.offset)
    if not source:
        return f"ERROR: <input>:1:0: {issue.message}"
    text = f"ERROR: <input>:{line}:{column + 1}: {issue.message}"
    snippet = source.split("\n")[line - 1].replace("\t", " ")
    if len(snippet) > _LONGEST_SNIPPET:
        return text
    dots = "".join("．" if ord(char) > 127 else "." for char in snippet[:column])
    mark = "＾" if column < len(snippet) and ord(snippet[column]) > 127 else "^"
    return f"{text}\n | {snippet}\n | {dots}{mark}"


def place(source: str, offset: int) -> tuple[int, int]:
    """Line, from 1, and column, from 0, of an offset."""
    before = source[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1)


def no_such_key(key: object) -> EvaluationError:
    """A map or object without the key that was asked for."""
    return EvaluationError(f"no such key: {key}")


def no_such_overload() -> EvaluationError:
    """An operation on values of types that it does not know."""
    return EvaluationError("no such overload")
