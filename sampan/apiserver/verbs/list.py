"""LIST: a selection of the cache at one revision, whole or in pages.

resourceVersion semantics (API concepts, "Resource versions"): unset is the newest; "0" any; a number "not older than",
or exactly that with resourceVersionMatch=Exact. Pages carry a token of revision and last key, as upstream's do.
"""

import asyncio
from collections.abc import Awaitable
from itertools import islice

from sampan.apiserver.call import Call, Many
from sampan.apiserver.extensions.views import prepare
from sampan.apiserver.options import ListOptions, list_options
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.continue_token import Token, decode_token, encode_token
from sampan.apiserver.verbs.listing import Selection, select, selected, selection, within
from sampan.machinery.errors import FIELD_INVALID, BadRequest, Expired, FieldError, Invalid, Timeout
from sampan.machinery.kind import Served
from sampan.machinery.meta import Object
from sampan.reconcile.pace import Pace, slices
from sampan.storage.cache import Listing
from sampan.storage.cached import Cached, Items
from sampan.storage.protocol import FutureRevision

_LOOKED_AT = 500  # objects at least, for a page of those that match: few may
_FRESHNESS_WAIT = 3.0  # seconds to wait for a revision that a client has seen elsewhere


def list_objects(services: Services, call: Call) -> Many | Awaitable[Many]:
    """The selected objects; at once where the whole current state is asked for."""
    options = list_options(call.query)
    chosen = selection(call, options)
    if services.cache.unreadable:
        call.warnings.extend(f"{why}; it is left out" for why in services.cache.unreadable_below(chosen.prefix))
    now = not options.continue_token and options.resource_version in ("", "0")
    if not now or (options.limit and not chosen.is_one_key):
        return _at_revision(services, call.served, options, chosen._replace(prefix=chosen.collection))
    listing = within(services, chosen)
    waiting = prepare(services, call.served, listing.items)
    if waiting is None and (chosen.matches is None or len(listing.items) <= chosen.at_once):
        return Many(select(listing.items, chosen.matches), listing.revision)
    return _later(listing, chosen, waiting)


async def _later(listing: Listing, chosen: Selection, waiting: Awaitable[None] | None) -> Many:
    if waiting is not None:
        await waiting
    return Many(await selected(listing.items, chosen), listing.revision)


async def _at_revision(services: Services, served: Served, options: ListOptions, chosen: Selection) -> Many:
    if options.continue_token:
        if options.resource_version not in ("", "0"):
            raise BadRequest("specifying resource version is not allowed when using continue")
        token = decode_token(options.continue_token, chosen.prefix)
        return await _page(services, served, options, chosen, token)
    revision = parse_revision(options.resource_version, "ListOptions")
    if revision:
        await wait_until(services, revision)
    exact = options.resource_version_match == "Exact"
    legacy_exact = options.limit and revision and not options.resource_version_match
    return await _page(services, served, options, chosen, Token(revision if exact or legacy_exact else -1, ""))


async def _page(services: Services, served: Served, options: ListOptions, chosen: Selection, token: Token) -> Many:
    """Enough of the store to find `limit` matching objects, and the token for the rest."""
    revision, start_after = max(token.revision, 0), token.start_after
    found: list[Cached] = []
    looked_at = options.limit if chosen.matches is None else max(options.limit, _LOOKED_AT)
    while True:
        try:
            part = await services.cache.page(
                chosen.prefix, limit=looked_at if options.limit else 0, start_after=start_after, revision=revision
            )
        except Expired as error:
            raise ExpiredPage(error.message, encode_token(Token(-1, start_after), chosen.prefix)) from error
        except FutureRevision as error:
            raise _too_large(services, revision) from error
        revision = part.revision
        if waiting := prepare(services, served, part.items):
            await waiting
        if not options.limit:
            return Many(await selected(part.items, chosen), revision)
        done = await _fill(found, part, chosen, options.limit)
        if part.items:
            start_after = (found[-1] if done else part.items[-1]).key
        if done or not part.remaining:
            break
    remaining = part.remaining + sum(item.key > start_after for item in part.items)
    if not remaining:
        return Many(Items(found), revision)
    exact_count = remaining if chosen.matches is None else 0
    return Many(Items(found), revision, encode_token(Token(revision, start_after), chosen.prefix), exact_count)


async def _fill(found: list[Cached], part: Listing, chosen: Selection, limit: int) -> bool:
    """Take what matches until there is enough, with others' turns in between; whether there is."""
    pace = Pace()
    for entries in slices(part.items, chosen.at_once):
        found += islice(entries if chosen.matches is None else filter(chosen.matches, entries), limit - len(found))
        if len(found) == limit:
            return True
        await pace.keep()
    return False


async def wait_until(services: Services, revision: int) -> None:
    """Wait for a revision to be visible; raises Timeout (504, "Too large resource version") when it is not."""
    try:
        async with asyncio.timeout(_FRESHNESS_WAIT):
            await services.cache.wait_for(revision)
    except TimeoutError:
        raise _too_large(services, revision) from None


def _too_large(services: Services, revision: int) -> Timeout:
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    return Timeout(
        f"Too large resource version: {revision}, current: {services.cache.revision}",
        details={"retryAfterSeconds": 1, "causes": causes},
    )


class ExpiredPage(Expired):
    """A continue token that is too old; carries one with which a client may go on inconsistently."""

    def __init__(self, message: str, continue_token: str) -> None:
        super().__init__(message)
        self.continue_token = continue_token

    def status(self) -> Object:
        return super().status() | {"metadata": {"continue": self.continue_token}}


_MOST_DIGITS = 20  # of a number of 64 bits


def parse_revision(text: str, kind: str) -> int:
    """A resourceVersion as a number; raises Invalid."""
    if not text:
        return 0
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        problem = "value out of range" if text.isdecimal() else "invalid syntax"
        detail = f'strconv.ParseUint: parsing "{text}": {problem}'
        raise Invalid.of(kind, "meta.k8s.io", "", [FieldError(FIELD_INVALID, "resourceVersion", detail, text)])
    return int(text)
