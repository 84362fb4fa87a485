"""Names of fields in CEL, where `a-b` and `namespace` cannot be written. Upstream: apiserver pkg/cel/escaping.go."""

import re

from sampan.machinery.cel.lexer import RESERVED

_ESCAPED = re.compile(r"__|[-./]")
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_ESCAPABLE = re.compile(r"[A-Za-z_.\-/][A-Za-z0-9_.\-/]*", re.ASCII)


def escape(name: str) -> str | None:
    """The CEL name of a field: `a-b` is `a__dash__b`, `namespace` is `__namespace__`; None if it can have none."""
    if name in RESERVED:
        return f"__{name}__"
    if not _ESCAPABLE.fullmatch(name):
        return None
    return _ESCAPED.sub(lambda match: _ESCAPES[match[0]], name)
