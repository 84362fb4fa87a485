"""Keeps the condition Available of every APIService: on changes of it, its Service or its endpoints, and now and then.

Runs in the server, for it needs the front proxy's certificate. availability.py decides, checks.py asks. Upstream:
k8s.io/kube-aggregator/pkg/controllers/status.
"""

from collections.abc import Iterable

from sampan.apiserver.aggregation.availability import (
    LOCAL,
    PASSED,
    Verdict,
    failed_discovery,
    preliminary,
    with_verdict,
)
from sampan.apiserver.aggregation.backends import ServicePort, backend_of, is_available, service_of
from sampan.apiserver.aggregation.checks import failure
from sampan.apiserver.aggregation.connections import Connections
from sampan.apiserver.aggregation.metrics import AvailabilityMetrics
from sampan.kinds.apiregistration.api_service import KIND as API_SERVICE
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.machinery.conditions import TRUE
from sampan.machinery.meta import Key, Object, labels_of
from sampan.machinery.tree import get_path, semantic_equal
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller

SERVICE_NAME = "kubernetes.io/service-name"
_BY_SERVICE = "service"
_PERIOD = 30.0  # seconds between checks of what is well
_RETRY = 2.0  # of what does not answer


class AvailabilityController(Controller):
    """Keys are the names of APIServices."""

    name = "apiservice-availability-controller"

    def __init__(self, context: Context, connections: Connections, metrics: AvailabilityMetrics) -> None:
        super().__init__(context)
        self._connections, self._counted = connections, metrics
        self._api_services = self.watch(API_SERVICE)
        self._api_services.add_index(_BY_SERVICE, _service_keys)
        self._services = self.watch(SERVICE, self._behind_service)
        self._slices = self.watch(ENDPOINT_SLICE, self._behind_slice)
        self._slices.add_index(_BY_SERVICE, _slice_keys)

    def _behind_service(self, service: Object) -> Iterable[Key]:
        meta = service["metadata"]
        return self._behind(meta["namespace"], meta["name"])

    def _behind_slice(self, found: Object) -> Iterable[Key]:
        return self._behind(found["metadata"]["namespace"], labels_of(found).get(SERVICE_NAME, ""))

    def _behind(self, namespace: str, name: str) -> Iterable[Key]:
        found = self._api_services.by(_BY_SERVICE, f"{namespace}/{name}")
        return [Key("", api_service["metadata"]["name"]) for api_service in found]

    async def reconcile(self, key: Key) -> Action:
        api_service = self._api_services.get(key)
        if api_service is None:
            self._counted.forget(key.name)
            return WAIT
        verdict = await self._verdict(api_service)
        await self._tell(api_service, verdict)
        if verdict is LOCAL:
            return WAIT
        return after(_RETRY if verdict.reason == failed_discovery("").reason else _PERIOD)

    async def _verdict(self, api_service: Object) -> Verdict:
        wanted = service_of(api_service)
        if wanted is None:
            return LOCAL
        found = self._services.get(Key(wanted.namespace, wanted.name))
        if verdict := preliminary(wanted, found, self._slices_of(wanted)):
            return verdict
        backend = backend_of(api_service)
        if backend is None:
            return failed_discovery("this group is served by this server only")
        why = await failure(self._connections, backend)
        return failed_discovery(why) if why else PASSED

    def _slices_of(self, wanted: ServicePort) -> list[Object]:
        return self._slices.by(_BY_SERVICE, f"{wanted.namespace}/{wanted.name}")

    async def _tell(self, api_service: Object, verdict: Verdict) -> None:
        name = api_service["metadata"]["name"]
        self._counted.set_available(name, verdict.status == TRUE)
        old = get_path(api_service, ("status", "conditions"), [])
        conditions = with_verdict(old, verdict, self.clock.now())
        if semantic_equal(conditions, old):
            return
        status = {**(api_service.get("status") or {}), "conditions": conditions}
        await self.client.update(API_SERVICE, {**api_service, "status": status}, subresource="status")
        if is_available(api_service) and verdict.status != TRUE:
            self._counted.became_unavailable(name, verdict.reason)


def _service_keys(api_service: Object) -> Iterable[str]:
    service = service_of(api_service)
    return (f"{service.namespace}/{service.name}",) if service else ()


def _slice_keys(found: Object) -> Iterable[str]:
    return (f"{found['metadata']['namespace']}/{labels_of(found).get(SERVICE_NAME, '')}",)
