"""Deletes CertificateSigningRequests that nobody needs any more.

Machines make them, so that they pile up: an hour after the answer, a day where there was none. Upstream looks once an
hour, we wait for the moment. Rule: docs, "Certificates and Certificate Signing Requests"; upstream's
pkg/controller/certificates/cleaner.
"""

import base64
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from sampan.kinds.certificates.certificate_signing_request import KIND as REQUEST
from sampan.kinds.certificates.pem import blocks
from sampan.kinds.certificates.request_rules import APPROVED, DENIED, FAILED, certificate_of, conditions_of
from sampan.kinds.certificates.x509_certificate import parse
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, is_deleting, parse_time
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller

_ANSWERED, _WAITING = timedelta(hours=1), timedelta(hours=24)


def expires_at(request: Object) -> datetime | None:
    """When a request is to go; None for never (or not yet known)."""
    return min(_ends(request), default=None)


def _ends(request: Object) -> Iterator[datetime]:
    conditions, issued = conditions_of(request), certificate_of(request)
    if not conditions:
        yield parse_time(request["metadata"]["creationTimestamp"]) + _WAITING
    for condition in conditions:
        type_, since = condition.get("type"), condition.get("lastUpdateTime")
        if type_ == APPROVED and issued:
            yield from _end_of(issued)
        if since and type_ in (APPROVED, DENIED, FAILED):
            waits = type_ == APPROVED and not issued
            yield parse_time(since) + (_WAITING if waits else _ANSWERED)


def _end_of(encoded: str) -> Iterator[datetime]:
    """The end of the first certificate; one that cannot be read has none."""
    block = next(blocks(base64.b64decode(encoded)), None)
    with suppress(ValueError):
        if block:
            yield parse(block.data).not_valid_after_utc


class CleanerController(Controller):
    """Waits for the end of each request."""

    name = "certificatesigningrequest-cleaner-controller"
    account = "certificate-controller"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.requests = self.watch(REQUEST)

    async def reconcile(self, key: Key) -> Action:
        request = self.requests.get(key)
        end = expires_at(request) if request and not is_deleting(request) else None
        if request is None or end is None:
            return WAIT
        if (left := (end - self.clock.now()).total_seconds()) > 0:
            return after(left)
        with suppress(NotFound):
            await self.client.delete(REQUEST, key.name, uid=request["metadata"]["uid"])
        return WAIT


CONTROLLER = CleanerController
