"""The catalogue kept in step with the definitions: which are established, and what kinds they make.

Follows the store directly, so that whoever learns that a definition is established finds its objects served. A
definition that makes no kind (one that predates a rule) harms itself only. Called by server.py.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

import orjson

from sampan.apiserver.extensions.acceptance import ESTABLISHED, TERMINATING, is_true
from sampan.apiserver.keys import storage_prefix
from sampan.kinds.apiextensions.custom_kind import closed, custom_kind
from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.machinery.structural.rules import RuleCompiler
from sampan.storage.cache import Cache
from sampan.storage.protocol import Event

log = logging.getLogger(__name__)

PREFIX = storage_prefix(DEFINITION)


class _Made(NamedTuple):
    """The kind of a definition (None: it makes none), and the digest of what it was made of."""

    source: bytes
    kind: Kind | None


class Definitions:
    """Makes a catalogue of what the cache holds, and hands it on where it differs from the last one."""

    def __init__(
        self, cache: Cache, builtin: Catalogue, install: Callable[[Catalogue], None], rules: RuleCompiler | None = None
    ) -> None:
        self._cache, self._builtin, self._install, self._rules = cache, builtin, install, rules
        self._made: dict[str, _Made] = {}  # by the key of the definition; established ones only

    def load(self) -> None:
        """Look at all definitions: at the start."""
        self._look_at(entry.key for entry in self._cache.list(PREFIX).items)

    def on_events(self, events: Sequence[Event]) -> None:
        """A Listener of the store, subscribed after the cache."""
        if keys := [event.key for event in events if event.key.startswith(PREFIX)]:
            self._look_at(dict.fromkeys(keys))

    def _look_at(self, keys: Iterable[str]) -> None:
        changed = False
        for key in keys:
            before, now = self._made.get(key), self._now(key)
            if now is before:
                continue
            changed = True
            if now is None:
                del self._made[key]
            else:
                self._made[key] = now
        if changed:
            self._install(self._builtin.with_kinds(made.kind for made in self._made.values() if made.kind))

    def _now(self, key: str) -> _Made | None:
        """What a definition makes; the same as before where it would be equal."""
        entry = self._cache.get(key)
        if entry is None or not is_true(entry.object, ESTABLISHED):
            return None
        definition, known = entry.object, self._made.get(key)
        source = sha256(orjson.dumps((definition["spec"], definition["status"]["acceptedNames"]))).digest()
        made = known if known and known.source == source else _Made(source, self._kind(definition))
        if made.kind is None or made.kind.closed or not is_true(definition, TERMINATING):
            return made
        return made._replace(kind=closed(made.kind))  # who watches it goes on watching

    def _kind(self, definition: Object) -> Kind | None:
        """The kind; None for a definition that serves no version, predates a rule, or claims what is built in."""
        spec = definition["spec"]
        served = any(version["served"] for version in spec["versions"])
        if not served or self._builtin.has_resource(spec["group"], spec["names"]["plural"]):
            return None
        try:
            return custom_kind(definition, self._builtin.schema, self._rules)
        except Exception as error:  # noqa: BLE001 - raised further, it would be the end of the server, now and always
            log.error("%s cannot be served: %r", definition["metadata"]["name"], error)
            return None
