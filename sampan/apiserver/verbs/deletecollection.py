"""DELETE on a collection: delete all that the selectors match, each as if by itself, some at a time.

Those that are under way together share commits. Upstream deletes with one worker unless it is told otherwise
(--delete-collection-workers), and like here what vanishes meanwhile is no error.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import read_options
from sampan.apiserver.call import Call, Many, One
from sampan.apiserver.extensions.views import prepare
from sampan.apiserver.options import DeleteOptions, delete_options, list_options
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.listing import selected, selection, within
from sampan.apiserver.verbs.unsafe_delete import refuse_for_collections, unread
from sampan.apiserver.writes import deleting
from sampan.machinery.errors import APIError, NotFound
from sampan.storage.cached import Cached, Items

_AT_ONCE = 64  # deletions under way


async def deletecollection(services: Services, call: Call) -> Many:
    """The objects that were there, as a list, at most `limit`."""
    body: Any = await beside(is_large(call), read_options, call)
    listed = list_options(call.query)
    options, chosen = delete_options(call.query, body), selection(call, listed)
    refuse_for_collections(options)
    if flaws := services.cache.unreadable_below(chosen.prefix):
        raise unread(call.served.kind, flaws)
    entries = within(services, chosen).items
    if waiting := prepare(services, call.served, entries):
        await waiting
    found = await selected(entries, chosen)
    wanted = found[: listed.limit] if listed.limit else found
    return Many(Items(await _delete_all(services, call, wanted, options)), services.cache.revision)


async def _delete_all(
    services: Services, call: Call, entries: Sequence[Cached], options: DeleteOptions
) -> list[Cached]:
    """Delete with a bounded number of workers; the first that fails ends them all."""
    deleted: dict[str, Cached] = {}
    left = iter(entries)
    workers = [_work(services, call, left, options, deleted) for _ in range(min(_AT_ONCE, len(entries)))]
    try:
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker)
    except* APIError as errors:  # one refusal is the answer, as upstream's
        raise errors.exceptions[0] from None
    return [deleted[entry.key] for entry in entries if entry.key in deleted]


async def _work(
    services: Services, call: Call, left: Iterator[Cached], options: DeleteOptions, deleted: dict[str, Cached]
) -> None:
    for entry in left:
        try:
            done = await deleting.delete(services, call, entry.key, options)
        except NotFound:
            continue
        deleted[entry.key] = done.result.entry if isinstance(done.result, One) else entry
