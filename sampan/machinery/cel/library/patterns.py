"""Regular expressions: matches, find and findAll. Upstream: apiserver pkg/cel/library/regex.go.

Patterns are RE2's, matched in time linear in the text (structural/patterns.py): no expression can hold the server.
"""

from itertools import islice

from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.cel.functions import Library, overload
from sampan.machinery.remember import remembered
from sampan.machinery.structural.patterns import Pattern, PatternError


@remembered(512)
def compile_pattern(pattern: str) -> Pattern:
    """The compiled pattern; raises EvaluationError with the words of Go's regexp."""
    try:
        return Pattern(pattern)
    except PatternError as error:
        raise EvaluationError(str(error)) from None


def matches(text: str, pattern: str) -> bool:
    """Whether a pattern is found anywhere in a text."""
    return compile_pattern(pattern).found_in(text)


def _find(text: str, pattern: str) -> str:
    return next(compile_pattern(pattern).matches_in(text), "")


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    return list(islice(compile_pattern(pattern).matches_in(text), limit if limit >= 0 else None))


PATTERNS = Library(
    "regex",
    (
        overload("string.find(string) -> string", _find),
        overload("string.findAll(string) -> list(string)", _find_all),
        overload("string.findAll(string, int) -> list(string)", _find_all),
    ),
)
