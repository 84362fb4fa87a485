"""The catalogue kept in step with the definitions: which are established, and what kinds they make.

Follows the store directly, so that whoever learns that a definition is established finds its objects served. A
definition that makes no kind (one that predates a rule) harms itself only. Called by server.py.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

import orjson

from sampan.apiserver.extensions.acceptance import ESTABLISHED, TERMINATING, is_true
from sampan.apiserver.keys import storage_prefix
from sampan.kinds.apiextensions.custom_kind import custom_kind
from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.machinery.structural.rules import RuleCompiler
from sampan.storage.cache import Cache
from sampan.storage.protocol import Event

log = logging.getLogger(__name__)

PREFIX = storage_prefix(DEFINITION)


class Definitions:
    """Makes a catalogue of what the cache holds, and hands it on where it differs from the last one."""

    def __init__(
        self, cache: Cache, builtin: Catalogue, install: Callable[[Catalogue], None], rules: RuleCompiler | None = None
    ) -> None:
        self._cache, self._builtin, self._install, self._rules = cache, builtin, install, rules
        self._made: dict[str, tuple[bytes, Kind | None]] = {}  # definition -> (what it was made of, its kind)

    def on_events(self, events: Sequence[Event]) -> None:
        """A Listener of the store, subscribed after the cache."""
        if any(event.key.startswith(PREFIX) for event in events):
            self.refresh()

    def refresh(self) -> None:
        """Look at all definitions, and install what has changed."""
        found = {entry.key: entry.object for entry in self._cache.list(PREFIX).items}
        kinds = {key: made for key, definition in found.items() if (made := self._entry(key, definition))}
        if kinds != self._made:
            self._made = kinds
            self._install(self._builtin.with_kinds(self._servable()))

    def _entry(self, key: str, definition: Object) -> tuple[bytes, Kind | None] | None:
        """The kind of an established definition; the one that was made before, where it would be the same."""
        if not is_true(definition, ESTABLISHED):
            return None
        status, terminating = definition["status"], is_true(definition, TERMINATING)
        source = orjson.dumps((definition["spec"], status["acceptedNames"], terminating))
        known = self._made.get(key)
        return known if known is not None and known[0] == source else (source, self._kind(definition, terminating))

    def _kind(self, definition: Object, terminating: bool) -> Kind | None:
        try:
            return custom_kind(definition, self._builtin.schema, self._rules, terminating=terminating)
        except (KeyError, TypeError, ValueError) as error:
            log.error("%s cannot be served: %r", definition["metadata"]["name"], error)
            return None

    def _servable(self) -> Iterable[Kind]:
        """Built-in places stay with their kinds."""
        for _, kind in self._made.values():
            if kind is not None and not any(
                (version.group, version.version, kind.plural) in self._builtin.by_resource for version in kind.versions
            ):
                yield kind
