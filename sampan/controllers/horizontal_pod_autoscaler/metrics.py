"""Asks the metrics APIs, whoever serves them: metrics.k8s.io, custom.metrics.k8s.io and external.metrics.k8s.io.

None of them has anything stored: each request is answered with what is the case now, by an add-on behind an APIService.
Called by sources.py. Rules: k8s.io/metrics/pkg/client; docs, Horizontal Pod Autoscaling, "Support for metrics APIs".
"""

from collections.abc import Callable
from typing import Any, TypeVar

from sampan.client.api import Client
from sampan.controllers.horizontal_pod_autoscaler.beside import beside
from sampan.controllers.horizontal_pod_autoscaler.metric_values import (
    PodMetrics,
    custom_pod_metrics,
    items_of,
    pod_metrics,
    values,
    versions_of,
)
from sampan.machinery.errors import APIError, NotFound, ServiceUnavailable, qualified
from sampan.machinery.meta import Object
from sampan.machinery.selectors import Selector
from sampan.reconcile.clock import Clock
from sampan.reconcile.discovery import Discovery

RESOURCE, CUSTOM, EXTERNAL = "metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"
CUSTOM_VERSIONS = ("v1beta2", "v1beta1")
KEPT = 15.0  # seconds for which the version of the custom metrics API is not asked for again
_NOT_SERVED = NotFound.path().message
_UNAVAILABLE = "the server is currently unable to handle the request"

Read = TypeVar("Read")


class MetricsError(Exception):
    """A metric can't be had; the message says why, in upstream's words."""


class Metrics:
    """See the module. Every method raises MetricsError."""

    def __init__(self, client: Client, discovery: Discovery, clock: Clock) -> None:
        self._client, self._discovery, self._clock = client, discovery, clock
        self._version, self._until = "", 0.0  # of the custom metrics API, and how long that holds

    async def of_resource(self, resource: str, namespace: str, selector: Selector, container: str) -> PodMetrics:
        """What pods, or their containers of this name, use of a resource."""
        path = f"/apis/{RESOURCE}/v1beta1/namespaces/{namespace}/pods"
        answer = await self._ask("resource", path, f"pods.{RESOURCE}", labelSelector=str(selector))
        return await _read("resource", answer, lambda tree: pod_metrics(tree, resource, container))

    async def of_pods(self, metric: str, namespace: str, selector: Selector, of: Selector) -> PodMetrics:
        """A metric of pods; `of` chooses among the metrics of this name."""
        selectors = {"labelSelector": str(selector), "metricLabelSelector": str(of)}
        answer = await self._custom(f"namespaces/{namespace}/pods/*/{metric}", "pods", "*", **selectors)
        return await _read("custom", answer, custom_pod_metrics)

    async def of_object(self, metric: str, namespace: str, ref: Object, of: Selector) -> int:
        """A metric of another object. Of the namespace itself there is a path of its own."""
        group, name = (ref.get("apiVersion") or "").rpartition("/")[0], ref.get("name") or ""
        if (group, ref.get("kind")) == ("", "Namespace"):
            path, resource, named = f"namespaces/{namespace}/metrics/{metric}", "metrics", metric
        else:
            resource, named = self._resource(group, ref.get("kind") or ""), name
            path = f"namespaces/{namespace}/{resource}/{name}/{metric}"
        answer = await self._custom(path, resource, named, metricLabelSelector=str(of))
        found = await _read("custom", answer, values, empty=True)
        if len(found) != 1:
            said = f"the custom metrics API server returned {len(found)} results when we asked for exactly one"
            raise _unable("custom", said)
        return found[0]

    async def external(self, metric: str, namespace: str, of: Selector) -> list[int]:
        """The values of all series of a metric of something that is not in the cluster."""
        path = f"/apis/{EXTERNAL}/v1beta1/namespaces/{namespace}/{metric}"
        answer = await self._ask("external", path, f"{metric}.{EXTERNAL}", labelSelector=str(of))
        return await _read("external", answer, values)

    async def _custom(self, place: str, resource: str, name: str, **query: str) -> Object:
        version = await self._custom_version()
        return await self._ask("custom", f"/apis/{CUSTOM}/{version}/{place}", f"{resource}.{CUSTOM} {name}", **query)

    async def _custom_version(self) -> str:
        """The preferred one of those that we know."""
        if self._clock.monotonic() >= self._until:
            try:
                group = await self._client.transport.request("GET", f"/apis/{CUSTOM}")
                known = [version for version in versions_of(group) if version in CUSTOM_VERSIONS]
            except NotFound:
                raise _unable("custom", f"no custom metrics API ({CUSTOM}) registered") from None
            except (APIError, OSError, ValueError, TypeError) as error:
                raise _unable("custom", str(error)) from error
            if not known:
                raise _unable("custom", "no known available metric versions found")
            self._version, self._until = known[0], self._clock.monotonic() + KEPT
        return self._version

    def _resource(self, group: str, kind: str) -> str:
        found = self._discovery.matching(group, kind)
        if not found:
            named = f"{kind}.{group}" if group else kind
            said = f'unable to map kind {named} to resource: no matches for kind "{kind}" in group "{group}"'
            raise _unable("custom", said)
        return qualified(found[0].plural, group)

    async def _ask(self, api: str, path: str, what: str, **query: str) -> Object:
        try:
            said = {name: value for name, value in query.items() if value}
            return await self._client.transport.request("GET", path, query=said)
        except (APIError, OSError, ValueError, TypeError) as error:
            raise _unable(api, _told(error, what)) from error


async def _read(api: str, answer: Any, read: Callable[[Any], Read], *, empty: bool = False) -> Read:
    """What an answer says. One that says nothing is an error, unless it may be empty."""
    try:
        items = len(items_of(answer))
        if not empty and not items:
            raise MetricsError(f"no metrics returned from {api} metrics API")
        return await beside(items, lambda: read(answer))
    except ValueError as error:
        raise _unable(api, str(error)) from error


def _unable(api: str, why: str) -> MetricsError:
    return MetricsError(f"unable to fetch metrics from {api} metrics API: {why}")


def _told(error: Exception, what: str) -> str:
    """An error in the words of client-go, which says what it asked for where the answer is no Status."""
    if isinstance(error, NotFound) and (not error.status_reason or error.message == _NOT_SERVED):
        return f"{_NOT_SERVED} (get {what})"
    if isinstance(error, ServiceUnavailable) and not error.status_reason:
        return f"{_UNAVAILABLE} (get {what})"
    return str(error)
