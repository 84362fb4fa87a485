"""Which transformer is whose: by resource, by group, or for all.

The log file asks by storage key; a reloaded configuration takes the place of the old one between two questions.
Rules: k8s.io/apiserver/pkg/server/options/encryptionconfig (transformerFromOverrides).
"""

from collections.abc import Mapping
from typing import NamedTuple

from sampan.storage.collection import collection_of
from sampan.storage.encryption.transformer import IDENTITY, Transformer


class GroupResource(NamedTuple):
    """A resource of a group; each may be "*"."""

    group: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> "GroupResource":
        """`deployments.apps`, `secrets`, `*.`, `*.apps`, `*.*`."""
        resource, _, group = text.partition(".")
        return cls(group, resource)

    def __str__(self) -> str:
        if not self.group:
            return "*." if self.resource == "*" else self.resource
        return f"{self.resource}.{self.group}"


ANY = GroupResource("*", "*")

Overrides = Mapping[GroupResource, Transformer]


class Transformers:
    """The table of the moment."""

    def __init__(self, overrides: Overrides | None = None) -> None:
        self._overrides: Overrides = overrides or {}
        self._found: dict[str, Transformer] = {}  # by collection

    @property
    def idle(self) -> bool:
        """Whether nothing is ever encrypted."""
        return not self._overrides

    def install(self, overrides: Overrides) -> None:
        """Use another table from now on."""
        self._overrides, self._found = overrides, {}

    def of(self, key: str) -> Transformer:
        """The transformer for what is stored under a key such as "/core/secrets/default/web"."""
        if not self._overrides:
            return IDENTITY
        collection = collection_of(key)
        found = self._found.get(collection)
        if found is None:
            found = self._found[collection] = self._find(collection)
        return found

    def _find(self, collection: str) -> Transformer:
        _, group, resource, *_ = (*collection.split("/"), "", "")
        group = "" if group == "core" else group
        for place in (GroupResource(group, resource), GroupResource(group, "*"), ANY):
            if place in self._overrides:
                return self._overrides[place]
        return IDENTITY
