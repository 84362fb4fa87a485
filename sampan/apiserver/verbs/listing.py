"""Selecting: what list, watch and deletecollection share. Selectors become one predicate over cached entries."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import NamedTuple

from sampan.apiserver.call import Call
from sampan.apiserver.extensions.views import working
from sampan.apiserver.keys import storage_key, storage_prefix
from sampan.apiserver.options import ListOptions
from sampan.apiserver.services import Services
from sampan.machinery import field_selectors, selectors
from sampan.machinery.meta import Object, labels_of
from sampan.reconcile.pace import Pace, slices
from sampan.storage.cache import Listing
from sampan.storage.cached import Cached, Items

Matches = Callable[[Cached], bool]
Labels = Mapping[str, str]
AT_ONCE = 500  # terms of selectors that are compared in one go; an object may have to be read first


class Selection(NamedTuple):
    """Which part of storage to look at, and which entries count. `matches` None: all of them."""

    prefix: str  # of a collection or namespace; or one whole key
    matches: Matches | None
    terms: int = 0  # of its selectors

    @property
    def at_once(self) -> int:
        """How many objects may be compared in one go."""
        return AT_ONCE // (self.terms or 1) or 1

    @property
    def is_one_key(self) -> bool:
        """Whether a selector for metadata.name (and a namespace) leaves one possible key."""
        return not self.prefix.endswith("/")

    @property
    def collection(self) -> str:
        """The prefix, or the one that the key lies below; `matches` then finds the one."""
        return self.prefix[: self.prefix.rindex("/") + 1]


def select(items: Items, matches: Matches | None) -> Items:
    """Those that match."""
    return items if matches is None else Items(filter(matches, items))


async def selected(items: Items, chosen: Selection) -> Items:
    """The same in slices, however many there are."""
    if (matches := chosen.matches) is None:
        return items
    pace, found = Pace(), list[Cached]()
    for part in slices(items, chosen.at_once):
        found += filter(matches, part)
        await pace.keep()
    return Items(found)


def within(services: Services, chosen: Selection) -> Listing:
    """What lies there now, whether it matches or not."""
    if not chosen.is_one_key:
        return services.cache.list(chosen.prefix)
    entry = services.cache.get(chosen.prefix)
    return Listing(Items([entry] if entry else []), services.cache.revision)


def selection(call: Call, options: ListOptions, *, again: bool = False) -> Selection:
    """The selection of a collection request; raises SelectorError (400). `again`: others will look at what this one
    looks at, too, and what is read is kept for them."""
    kind, namespace = call.served.kind, _namespace(call)
    if call.info.name and not call.info.is_collection:  # the old /watch/.../name
        return Selection(storage_key(kind, namespace, call.info.name), None)
    if not options.label_selector and not options.field_selector:
        return Selection(storage_prefix(kind, namespace), None)
    labels, fields = selectors.parse(options.label_selector), field_selectors.parse(options.field_selector)
    of_object = fields.bind(kind)
    prefix = storage_prefix(kind, namespace)
    name = fields.equals("metadata.name")
    if name and "/" not in name and (namespace or not kind.namespaced):
        prefix = storage_key(kind, namespace, name)
    by_labels, terms = labels.matches, len(labels.requirements) + len(fields.terms)
    labels_seen, seen = _seen(call, again)
    if not fields.terms:
        return Selection(prefix, lambda entry: by_labels(labels_seen(entry)), terms)
    if labels.is_everything:
        return Selection(prefix, lambda entry: of_object(seen(entry)), terms)
    return Selection(prefix, lambda entry: by_labels(labels_seen(entry)) and of_object(seen(entry)), terms)


def _seen(call: Call, again: bool) -> tuple[Callable[[Cached], Labels], Callable[[Cached], Object]]:
    """What selectors look at, labels and fields: of the stored object, or of a custom resource's view."""
    served = call.served
    if served.version.structure is not None:
        return lambda entry: labels_of(working(served, entry)), lambda entry: working(served, entry)
    return attrgetter("labels"), attrgetter("object") if again else Cached.read


def _namespace(call: Call) -> str:
    return call.info.namespace if call.served.kind.namespaced else ""
