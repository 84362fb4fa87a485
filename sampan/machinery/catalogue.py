"""The catalogue: an immutable set of kinds, and all that follows from which kinds there are.

    catalogue = Catalogue(builtin_kinds())          # kinds/registry.py
    served = catalogue.by_resource["apps", "v1", "deployments"]
    stored, warnings = catalogue.codec(served).decode(tree)
    catalogue = catalogue.with_kinds(custom)        # a CustomResourceDefinition came or went

Routes, discovery, OpenAPI and storage keys are made from it (apiserver/server.py). What is compiled (codecs and what
is below them) is made when it is first used, and shared with the catalogues that follow from this one. Pure.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

from sampan.machinery.codec import Codec
from sampan.machinery.declarative import Validator
from sampan.machinery.decoding import Readers
from sampan.machinery.defaulting import Defaulters
from sampan.machinery.fieldtrees import Node, compile_tree
from sampan.machinery.kind import Kind, ObjectCodec, Served, ServedVersion
from sampan.machinery.schema import Definition, Schema, load

_Place = tuple[str, str, str]  # group, version, plural
_UNRULED = ("", "")  # in place of apiVersion and kind: all kinds without rules


class Types:
    """The types of the built-in kinds: the field schema with what the kinds add, and the functions compiled from it."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = tuple(kinds)
        self._known = frozenset((version.api_version, kind.name) for kind in self._kinds for version in kind.versions)
        self._readers = Readers()
        self._validators: dict[tuple[str, str], Validator] = {}

    @cached_property
    def schema(self) -> Schema:
        """The field schema; made when it is first asked for, as who only follows kinds never does."""
        schema = load()
        for kind in self._kinds:
            if kind.definitions:
                kind.definitions(schema)
        return schema

    @cached_property
    def _defaulters(self) -> Defaulters:
        kinds = self._kinds
        return Defaulters(self.schema, (kind.defaults for kind in kinds), (kind.default_functions for kind in kinds))

    def codec(self, served: Served) -> Codec:
        """A codec of a kind whose version names a definition."""
        definition = self.schema.definition(served.version.definition)
        return Codec(
            served, definition, self._readers.of(definition), self._defaulters.of(definition.name), self._known
        )

    def validator(self, served: Served) -> Validator:
        """What the rules of a kind say, on its storage version; compiled once."""
        kind, version = served
        place = (version.api_version, kind.name) if kind.rules else _UNRULED
        if place not in self._validators:
            self._validators[place] = Validator(self.schema, kind.storage.definition, kind.rules)
        return self._validators[place]


class Catalogue:
    """See the module. `kinds` are the built-in ones; Raises ValueError where two claim one place."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.builtin = tuple(kinds)
        self._types = Types(self.builtin)
        self._take((), {}, {})

    def with_kinds(self, custom: Iterable[Kind]) -> "Catalogue":
        """The catalogue of the built-in kinds and these; those that are the same objects as before stay compiled."""
        made = Catalogue.__new__(Catalogue)
        made.builtin, made._types = self.builtin, self._types
        made._take(tuple(custom), self._codecs, self._fields)
        return made

    def _take(
        self,
        custom: tuple[Kind, ...],
        codecs: Mapping[_Place, tuple[Kind, ObjectCodec]],
        fields: Mapping[_Place, tuple[Kind, Node]],
    ) -> None:
        self.custom = custom
        self.kinds: tuple[Kind, ...] = (*self.builtin, *custom)
        self.by_resource: Mapping[tuple[str, str, str], Served] = _by_resource(self.kinds)
        self.by_kind: Mapping[tuple[str, str], Served] = {  # where two claim one, it is the first's, as is by_resource
            (served.version.api_version, served.kind.name): served
            for served in reversed(tuple(self.by_resource.values()))
        }
        self._resources = frozenset((group, plural) for group, _, plural in self.by_resource)
        self._by_collection = {(kind.group, kind.plural): kind for kind in self.kinds}
        self._codecs, self._fields = dict(codecs), dict(fields)

    @property
    def schema(self) -> Schema:
        """The field schema of the built-in kinds."""
        return self._types.schema

    def stored(self, group: str, plural: str) -> Kind | None:
        """The kind whose storage version has this group and plural."""
        return self._by_collection.get((group, plural))

    def has_resource(self, group: str, plural: str) -> bool:
        """Whether a group has a resource in any version."""
        return (group, plural) in self._resources

    def definition(self, version: ServedVersion) -> Definition:
        """The type of the objects of a version."""
        return version.structure.definition if version.structure else self.schema.definition(version.definition)

    def codec(self, served: Served) -> ObjectCodec:
        """The codec of a kind in one of its versions; made once."""
        kind, version = served
        place = (version.group, version.version, kind.plural)
        known = self._codecs.get(place)
        if known is not None and known[0] is kind:
            return known[1]
        made = version.structure.codec(kind, version) if version.structure else self._types.codec(served)
        self._codecs[place] = (kind, made)
        return made

    def validator(self, served: Served) -> Validator:
        """What the declared rules of a kind say of its objects; those of custom resources are in their schemas."""
        return self._types.validator(served)

    def fields(self, served: Served) -> Node:
        """Which fields of the objects of a version can be owned; compiled once."""
        kind, version = served
        place = (version.group, version.version, kind.plural)
        known = self._fields.get(place)
        if known is not None and known[0] is kind:
            return known[1]
        made = compile_tree(self.definition(version))
        self._fields[place] = (kind, made)
        return made


def _by_resource(kinds: Iterable[Kind]) -> dict[tuple[str, str, str], Served]:
    """(group, version, plural) -> kind and version."""
    table: dict[tuple[str, str, str], Served] = {}
    for kind in kinds:
        for version in kind.versions:
            place = (version.group, version.version, kind.plural)
            if place in table:
                raise ValueError(f"{place} is claimed by {table[place].kind.name} and {kind.name}")
            form = version.kind
            table[place] = Served(form, form.storage) if form else Served(kind, version)
    return table
