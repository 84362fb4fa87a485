"""WATCH: changes of a selection, from a revision on, until the time is up or the client leaves.

Semantics: API concepts, "Efficient detection of changes" and "Streaming lists" (KEP-3157). An object that enters or
leaves the selection is ADDED or DELETED as far as this watch is concerned.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import NamedTuple

from sampan.apiserver.call import Call, Change, Watching
from sampan.apiserver.extensions.views import prepare
from sampan.apiserver.options import ListOptions, list_options
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.list import parse_revision, wait_until
from sampan.apiserver.verbs.listing import Matches, Selection, selection, within
from sampan.machinery.kind import Served
from sampan.reconcile.pace import Pace, slices
from sampan.storage.cached import Cached, CacheEvent, Items

_MIN_TIMEOUT = 1800.0  # seconds; a watch that names no timeout lasts this to twice this long
_AT_ONCE = 50  # initial objects: who is slow has so many in hand
_BOOKMARK_PERIOD = 60.0
_LAST_BOOKMARK = 2.0  # seconds before the end, so that the next watch need not begin far back


class _Start(NamedTuple):
    after: int
    initial: Items
    marks_end: bool  # whether a bookmark follows the initial objects


def watch(services: Services, call: Call) -> Watching:
    """The changes; selectors and options are checked at once, an expired revision is raised by the iterator."""
    options = list_options(call.query)
    revision = parse_revision(options.resource_version, "ListOptions")
    chosen = selection(call, options, again=True)
    return Watching(_changes(services, call.served, options, chosen, revision), services.now)


async def _changes(
    services: Services, served: Served, options: ListOptions, chosen: Selection, revision: int
) -> AsyncGenerator[Sequence[Change], None]:
    start = await _start(services, options, chosen, revision)
    with services.cache.watch(chosen.prefix, start.after) as source:
        if waiting := prepare(services, served, start.initial):
            await waiting
        pace = Pace()
        for part in slices(start.initial, min(chosen.at_once, _AT_ONCE)):
            if initial := [_added(entry) for entry in part if chosen.matches is None or chosen.matches(entry)]:
                yield initial
            await pace.keep()
        if start.marks_end:
            yield [Change("BOOKMARK", start.after, ends_initial=True)]
        clock = asyncio.get_running_loop().time
        end = clock() + (options.timeout or random.uniform(_MIN_TIMEOUT, 2 * _MIN_TIMEOUT))
        next_bookmark = bookmark_after(clock(), end)
        while (left := end - clock()) > 0 and not source.closed:
            events = await source.next(min(left, max(next_bookmark - clock(), 0.0)))
            if served.version.structure is not None and (waiting := prepare(services, served, _entries(events))):
                await waiting
            for seen in slices(events, chosen.at_once):
                if changes := _seen(seen, chosen.matches):
                    yield changes
                await pace.keep()
            if clock() >= next_bookmark:
                next_bookmark = bookmark_after(clock(), end)
                if options.bookmarks:
                    yield [Change("BOOKMARK", source.revision)]


def bookmark_after(now: float, end: float) -> float:
    """When the next bookmark is due, of a watch that ends at `end`."""
    last, periodic = end - _LAST_BOOKMARK, now + _BOOKMARK_PERIOD
    return last if now < last < periodic else periodic


async def _start(services: Services, options: ListOptions, chosen: Selection, revision: int) -> _Start:
    """Where to start, and with which objects."""
    wants_initial = options.send_initial_events
    if wants_initial and revision:
        await wait_until(services, revision)
    if wants_initial is None:
        wants_initial = revision == 0
    if not wants_initial:
        return _Start(revision or services.cache.revision, Items(), False)
    marks_end = bool(options.send_initial_events) and options.bookmarks
    listing = within(services, chosen)
    return _Start(listing.revision, listing.items, marks_end)


def _added(entry: Cached) -> Change:
    return Change("ADDED", entry.revision, entry)


def _entries(events: Sequence[CacheEvent]) -> Iterator[Cached]:
    """All that the events may show, or be judged by."""
    for event in events:
        yield from (entry for entry in (event.old, event.new, event.gone) if entry is not None)


def _seen(events: Sequence[CacheEvent], matches: Matches | None) -> list[Change]:
    """What the events are to this watch."""
    changes = []
    for event in events:
        kind = event.seen_by_all if matches is None else event.seen_as(matches)
        if kind is not None:
            changes.append(Change(kind, event.revision, event.subject(kind), event))
    return changes
