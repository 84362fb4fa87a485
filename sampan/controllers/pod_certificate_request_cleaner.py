"""Deletes PodCertificateRequests a quarter of an hour after they were made: by then they were answered, or given up.

Rule: KEP-4317; upstream's pkg/controller/certificates/cleaner (PCRCleanerController).
"""

from contextlib import suppress
from datetime import timedelta

from sampan.kinds.certificates.pod_certificate_request import KIND as REQUEST
from sampan.machinery.errors import Conflict, NotFound
from sampan.machinery.meta import Key, is_deleting, parse_time
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller

_LIFE = timedelta(minutes=15)


class PodCertificateRequestCleaner(Controller):
    """Waits for the end of each request."""

    name = "podcertificaterequest-cleaner-controller"
    account = "podcertificaterequestcleaner"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.requests = self.watch(REQUEST)

    async def reconcile(self, key: Key) -> Action:
        request = self.requests.get(key)
        if request is None or is_deleting(request):
            return WAIT
        age = self.clock.now() - parse_time(request["metadata"]["creationTimestamp"])
        if age < _LIFE:
            return after((_LIFE - age).total_seconds())
        with suppress(NotFound, Conflict):
            await self.client.delete(REQUEST, key.name, key.namespace, uid=request["metadata"]["uid"])
        return WAIT


CONTROLLER = PodCertificateRequestCleaner
