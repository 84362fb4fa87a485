"""Patterns in RE2's language, as Go's regexp has it: matched in time linear in the text, whoever wrote them.

Python's own engine backtracks, so that a pattern of a dozen characters could hold the server for minutes; google-re2
is the C++ original of Go's package, and shares its language and limits but for rarities (`\\C`). Called by strings.py,
by what checks CustomResourceDefinitions, and by cel/library/patterns.py. Error texts: Go's regexp/syntax.
"""

from collections.abc import Iterator
from typing import Any

import re2

_MAX_MEMORY = 8 << 20  # bytes of one compiled pattern and its automata; Go limits the size of a program likewise

# What RE2 says, and what Go says for it.
_WORDS = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid repetition size": "invalid repeat count",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid named capture group": "invalid named capture",
    "trailing \\": "trailing backslash at end of expression",
    "pattern too large - compile failed": "expression too large",
}


class PatternError(ValueError):
    """A text that is no pattern; str() is Go's wording."""


class Pattern:
    """A compiled pattern."""

    def __init__(self, text: str) -> None:
        """Raises PatternError."""
        self.text = text
        try:
            self._compiled = re2.compile(text, _options())
        except re2.error as error:
            raise PatternError(_go_text(error.args[0])) from None

    def found_in(self, value: str) -> bool:
        """Whether it matches anywhere in a text."""
        return self._compiled.search(_text(value)) is not None

    def matches_in(self, value: str) -> Iterator[str]:
        """Every match in a text, from the left; they do not overlap."""
        return (str(match.group(0)) for match in self._compiled.finditer(_text(value)))


def _text(value: str) -> str:
    """The text without lone surrogates, which UTF-8 has no form for."""
    return value.encode(errors="replace").decode()


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    return options


def _go_text(error: bytes | str) -> str:
    said = error.decode(errors="replace") if isinstance(error, bytes) else str(error)
    what, _, where = said.partition(": ")
    return f"error parsing regexp: {_WORDS.get(what, what)}: `{where}`"
