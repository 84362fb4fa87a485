"""`$(VAR)` in commands, arguments and variables (docs: "Define Dependent Environment Variables"). Pure."""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, *variables: Mapping[str, str]) -> str:
    """Replace references; the first mapping that knows a name wins. Unknown ones stay, `$$` becomes `$`."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "$"
        return next((mapping[name] for mapping in variables if name in mapping), found[0])

    return _REFERENCE.sub(value, text)


def unresolved(text: str, *variables: Mapping[str, str]) -> str | None:
    """The first name that a text refers to and nobody knows."""
    names = (found[1] for found in _REFERENCE.finditer(text) if found[1] is not None)
    return next((name for name in names if not any(name in mapping for mapping in variables)), None)
