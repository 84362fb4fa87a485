"""Metadata of custom and embedded objects, read as the ObjectMeta that it must be. Called where schemas are made."""

from typing import Any

from sampan.machinery import strict
from sampan.machinery.decoding import Readers, State
from sampan.machinery.scalars import Mismatch
from sampan.machinery.schema import Schema
from sampan.machinery.structural.reading import ReadMetadata

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def object_meta_reader(schema: Schema) -> ReadMetadata:
    """What reads metadata in place, by the type in a field schema; it returns the paths of unknown fields below."""
    definition = schema.definition(OBJECT_META)
    read = Readers().of(definition)

    def read_metadata(metadata: Any) -> list[str]:
        if metadata is None:
            return []
        if not isinstance(metadata, dict):
            raise ValueError(str(Mismatch.of(metadata, definition.go_type)))
        state = State()
        try:
            read(metadata, state)
        except Mismatch as error:
            raise ValueError(str(error)) from None
        return strict.prune(metadata, definition) if state.unknown else []

    return read_metadata
