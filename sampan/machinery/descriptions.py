"""Descriptions of types and fields for OpenAPI and `kubectl explain`, from the docstrings of lightkube-models.

The package's sources are read as text, one module per API group and version, when they are first asked for: importing
them would make hundreds of classes nobody uses. Docstrings are wrapped; paragraphs are joined again here. Called by
openapi.py only.
"""

import re
from functools import lru_cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from sampan.machinery.schema import Schema

_CLASS = re.compile(r'^class (\w+)\(DictMixin\):\n    r"""(.*?)\n?    """$', re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^      \* \*\*(\w+)\*\* ``[^`]*`` - ", re.MULTILINE)
_ITEM = re.compile(r"[-*] |\d+\. ")
_WRAPPED_AT = 78
_PARAMETERS = "      **parameters**"


class Description(NamedTuple):
    """The texts of one type."""

    text: str
    fields: dict[str, str]


_NONE = Description("", {})


def describe(definition: str, schema: Schema) -> Description:
    """The texts of a definition, those of its base where it is derived; empty ones where there are none."""
    prefix, _, name = definition.rpartition(".")
    group, version = prefix.rsplit(".", 2)[-2:]
    found = _module(f"{group}_{version}").get(name, _NONE)
    base = schema.definition(definition).base if definition in schema else ""
    if not base:
        return found
    inherited = describe(base, schema)
    return Description(found.text or inherited.text, inherited.fields | found.fields)


@lru_cache(maxsize=64)
def _module(name: str) -> dict[str, Description]:
    spec = find_spec("lightkube.models")
    if spec is None or not spec.submodule_search_locations:
        return {}
    path = Path(spec.submodule_search_locations[0]) / f"{name}.py"
    if not path.exists():
        return {}
    return {found[1]: _parse(found[2]) for found in _CLASS.finditer(path.read_text())}


def _parse(docstring: str) -> Description:
    text, _, parameters = docstring.partition(_PARAMETERS)
    parts = _FIELD.split(parameters)
    fields = {name: _unwrap(body) for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    return Description(_unwrap(text), fields)


def _unwrap(text: str) -> str:
    """Wrapped lines joined again. A line that ends before the next word had to is the end of a paragraph or item."""
    lines = [line.strip() for line in text.strip().splitlines()]
    result = lines[0] if lines else ""
    for above, line in pairwise(lines):
        if len(above) + 1 + len(line.partition(" ")[0]) > _WRAPPED_AT:
            result += " " + line
        else:
            result += ("\n" if _ITEM.match(line) else "\n\n") + line
    return result
