"""Where a Service is, seen from the API server: the address of one of its ready endpoints.

The packets of a server may not pass the Service rules of a node (a control plane without one has none), so endpoints
are dialled directly, as upstream does under --enable-aggregator-routing. A Service of which nobody keeps endpoints (it
has a cluster IP, and no slices) is dialled by that. Called by server.py, for webhooks and the aggregation proxy.
"""

import random
from collections.abc import Iterable

from sampan.apiserver.services import Services
from sampan.apiserver.webhooks.addresses import Address, Unresolved
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.machinery.meta import Object, labels_of

_SERVICE_NAME = "kubernetes.io/service-name"


def resolve(services: Services, namespace: str, name: str, port: int) -> Address:
    """The address of a Service's port; raises Unresolved."""
    service = services.find(SERVICE, namespace, name)
    if service is None:
        raise Unresolved(f'service "{name}" not found')
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return Address(spec.get("externalName") or "", port)
    wanted = next((one for one in spec.get("ports") or () if one.get("port") == port), None)
    if wanted is None:
        raise Unresolved(f'no service port {port} found for service "{name}"')
    slices = [s for s in services.all(ENDPOINT_SLICE, namespace) if labels_of(s).get(_SERVICE_NAME) == name]
    if found := list(_endpoints(slices, wanted.get("name") or "")):
        return random.choice(found)
    cluster_ip = spec.get("clusterIP") or "None"
    if slices or spec.get("selector") or cluster_ip == "None":
        raise Unresolved(f'no endpoints available for service "{name}"')
    return Address(cluster_ip, port)


def _endpoints(slices: Iterable[Object], port_name: str) -> Iterable[Address]:
    for found in slices:
        ports = [one["port"] for one in found.get("ports") or () if (one.get("name") or "") == port_name]
        for endpoint in found.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready", True) is not False:
                yield from (Address(address, port) for address in endpoint["addresses"] for port in ports if port)
