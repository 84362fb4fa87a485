"""The condition Available of an APIService, decided from what is known of its Service. Pure; controller.py asks.

Reasons and texts: k8s.io/kube-aggregator/pkg/controllers/status/remote.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sampan.apiserver.aggregation.backends import AVAILABLE, ServicePort
from sampan.machinery.conditions import FALSE, TRUE, find
from sampan.machinery.meta import Object, format_time


class Verdict(NamedTuple):
    """Status, reason and message of the condition."""

    status: str
    reason: str
    message: str


LOCAL = Verdict(TRUE, "Local", "Local APIServices are always available")
PASSED = Verdict(TRUE, "Passed", "all checks passed")


def failed_discovery(message: str) -> Verdict:
    """It does not answer as an API server."""
    return Verdict(FALSE, "FailedDiscoveryCheck", message)


def preliminary(wanted: ServicePort, service: Object | None, slices: Sequence[Object]) -> Verdict | None:
    """What is wrong with the Service, before anybody is asked; None where nothing is."""
    shown = f'service/{wanted.name} in "{wanted.namespace}"'
    if service is None:
        return Verdict(FALSE, "ServiceNotFound", f"{shown} is not present")
    spec = service["spec"]
    if (spec.get("type") or "ClusterIP") != "ClusterIP":
        return None
    port = next((one for one in spec.get("ports") or () if one.get("port") == wanted.port), None)
    if port is None:
        return Verdict(FALSE, "ServicePortError", f"{shown} is not listening on port {wanted.port}")
    if not slices:
        return Verdict(FALSE, "EndpointsNotFound", f"cannot find endpointslices for {shown}")
    name = port.get("name") or ""
    if not any(_serves(found, name) for found in slices):
        message = f'endpointslices for {shown} have no addresses with port name "{name}"'
        return Verdict(FALSE, "MissingEndpoints", message)
    return None


def _serves(found: Object, port_name: str) -> bool:
    ready = any(
        (endpoint.get("conditions") or {}).get("ready", True) is not False for endpoint in found.get("endpoints") or ()
    )
    return ready and any((p.get("name") or "") == port_name and p.get("port") for p in found.get("ports") or ())


def with_verdict(conditions: Iterable[Object], verdict: Verdict, now: datetime) -> list[Object]:
    """The conditions with Available as it is now, in its place; its time moves with its status only."""
    known = list(conditions)
    old = find(known, AVAILABLE)
    same = old is not None and old["status"] == verdict.status and "lastTransitionTime" in old
    new = {
        "type": AVAILABLE,
        "status": verdict.status,
        "lastTransitionTime": old["lastTransitionTime"] if old and same else format_time(now),
        "reason": verdict.reason,
        "message": verdict.message,
    }
    if old is None:
        return [*known, new]
    return [new if one is old else one for one in known]
