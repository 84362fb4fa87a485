"""Regular expressions of RE2, which take time linear in the text: matches, find and findAll.

The engine is google-re2, loaded when the first pattern is compiled: most control planes never need it. Upstream: Go's
regexp (whose texts errors have), apiserver pkg/cel/library/regex.go.
"""

from functools import lru_cache
from importlib import import_module
from typing import Any

from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.cel.functions import Library, overload

_LONGEST = 10_000
_GO_WORDS = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "unexpected )": "unexpected )",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid escape sequence": "invalid escape sequence",
    "trailing \\": "trailing backslash at end of expression",
    "invalid character class": "invalid character class",
    "invalid character class range": "invalid character class range",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "invalid UTF-8": "invalid UTF-8",
}


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> Any:
    """The compiled pattern; raises EvaluationError with the words of Go's regexp."""
    re2 = import_module("re2")
    options = re2.Options()
    options.log_errors = False
    try:
        if len(pattern) > _LONGEST:
            raise EvaluationError("error parsing regexp: expression too large")
        return re2.compile(pattern, options)
    except re2.error as error:
        raise EvaluationError(_go_text(error.args[0])) from None


def _go_text(given: Any) -> str:
    text = given.decode(errors="replace") if isinstance(given, bytes) else str(given)
    code, _, argument = text.partition(": ")
    return f"error parsing regexp: {_GO_WORDS.get(code, code)}: `{argument}`"


def matches(text: str, pattern: str) -> bool:
    """Whether a pattern is found anywhere in a text."""
    return compile_pattern(pattern).search(text) is not None


def _find(text: str, pattern: str) -> str:
    found = compile_pattern(pattern).search(text)
    return "" if found is None else str(found.group(0))


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found: list[str] = []
    for match in compile_pattern(pattern).finditer(text):
        if limit >= 0 and len(found) >= limit:
            break
        found.append(str(match.group(0)))
    return found


PATTERNS = Library(
    "regex",
    (
        overload("string.find(string) -> string", _find),
        overload("string.findAll(string) -> list(string)", _find_all),
        overload("string.findAll(string, int) -> list(string)", _find_all),
    ),
)
