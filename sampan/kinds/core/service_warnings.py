"""What is allowed in a Service but ignored, or on its way out. Texts: upstream's pkg/api/service."""

from collections.abc import Iterator

from sampan.machinery.meta import Object, annotations_of

_OLD_HINTS, _MODE = "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"


def service_warnings(service: Object) -> Iterator[str]:
    """The warnings of a Service, in upstream's order."""
    spec = service["spec"]
    alias = spec.get("type") == "ExternalName"
    headless = spec.get("type") == "ClusterIP" and spec.get("clusterIP") == "None"
    if _OLD_HINTS in annotations_of(service):
        yield f"annotation {_OLD_HINTS} is deprecated, please use {_MODE} instead"
    if headless:
        yield from _headless(spec)
    if spec.get("externalIPs") and not headless and not alias:
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
    if spec.get("externalIPs") and alias:
        yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
    if spec.get("externalName") and not alias:
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
    if spec.get("trafficDistribution") == "PreferClose":
        yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'


def _headless(spec: Object) -> Iterator[str]:
    if spec.get("loadBalancerIP"):
        yield "spec.loadBalancerIP is ignored for headless services"
    if spec.get("externalIPs"):
        yield "spec.externalIPs is ignored for headless services"
    if spec.get("sessionAffinity", "None") != "None":
        yield "spec.SessionAffinity is ignored for headless services"
