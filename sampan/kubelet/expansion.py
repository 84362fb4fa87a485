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
