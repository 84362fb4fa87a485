"""Descriptions of types and fields for OpenAPI and `kubectl explain`.

They are data (`make schema`), a compressed file per API group and version, read when a document needs it and kept no
longer than the document is being made. Called by openapi_schemas.py only.
"""

import gzip
from pathlib import Path
from typing import NamedTuple

import orjson

from sampan.machinery.schema import Schema

_DATA = Path(__file__).parent / "data" / "descriptions"


class Description(NamedTuple):
    """The texts of one type."""

    text: str
    fields: dict[str, str]


_NONE = Description("", {})


class Descriptions:
    """The texts for the definitions of a schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._files: dict[str, dict[str, Description]] = {}

    def of(self, definition: str) -> Description:
        """The texts of a definition, those of its base where it is derived; empty ones where there are none."""
        place = definition.rpartition(".")[0]
        if place not in self._files:
            self._files[place] = _read(place)
        found = self._files[place].get(definition, _NONE)
        base = self._schema.definition(definition).base if definition in self._schema else ""
        if not base:
            return found
        inherited = self.of(base)
        return Description(found.text or inherited.text, inherited.fields | found.fields)


def _read(place: str) -> dict[str, Description]:
    file = _DATA / f"{place}.json.gz"
    if not file.is_file():
        return {}
    texts = orjson.loads(gzip.decompress(file.read_bytes()))
    return {name: Description(text, fields) for name, (text, fields) in texts.items()}
