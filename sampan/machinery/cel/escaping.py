"""Names of fields in CEL, where `a-b` and `namespace` cannot be written. Upstream: apiserver pkg/cel/escaping.go."""

import re

from sampan.machinery.cel.lexer import RESERVED

_ESCAPED = re.compile(r"__|[-./]")
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_PLAIN = {escaped[2:-2]: name for name, escaped in _ESCAPES.items()}
_ESCAPE = re.compile(r"__([^_]+)__")
_ESCAPABLE = re.compile(r"[A-Za-z_.\-/][A-Za-z0-9_.\-/]*", re.ASCII)


def escape(name: str) -> str | None:
    """The CEL name of a field: `a-b` is `a__dash__b`, `namespace` is `__namespace__`; None if it can have none."""
    if name in RESERVED:
        return f"__{name}__"
    if not _ESCAPABLE.fullmatch(name):
        return None
    return _ESCAPED.sub(lambda match: _ESCAPES[match[0]], name)


def unescape(name: str) -> str | None:
    """The field that a CEL name means; None if there is none."""
    if name.startswith("__") and name.endswith("__") and name[2:-2] in RESERVED:
        return name[2:-2]
    wrong = False

    def plain(match: re.Match[str]) -> str:
        nonlocal wrong
        wrong = wrong or match[1] not in _PLAIN
        return _PLAIN.get(match[1], "")

    found = _ESCAPE.sub(plain, name)
    return None if wrong else found
