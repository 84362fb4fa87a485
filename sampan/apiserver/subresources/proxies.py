"""pods/proxy, services/proxy, nodes/proxy: any method, to a pod, to an endpoint of a Service, to a kubelet.

Where to is proxying/location.py's, how is proxying/reverse.py's. Rules: k8s.io/apiserver/pkg/endpoints/handlers
(ConnectResource) and k8s.io/kubernetes/pkg/registry/core/{pod,service,node}.
"""

import asyncio
import socket

from sampan.apiserver.admission.foreign import admit_connection
from sampan.apiserver.call import Call
from sampan.apiserver.proxying import location as locations
from sampan.apiserver.proxying.links import joined
from sampan.apiserver.proxying.location import Location, wanted_of
from sampan.apiserver.proxying.reverse import Backend, serve
from sampan.apiserver.services import Services
from sampan.apiserver.subresources.kubelets import node_address, node_port, refuse_simulated
from sampan.kinds.addresses import is_ipv4, is_ipv6
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.machinery.errors import BadRequest, MethodNotAllowed, NotFound
from sampan.machinery.meta import Object, labels_of
from sampan.transport.messages import Reply

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_SERVICE_NAME = "kubernetes.io/service-name"


async def pod(services: Services, call: Call) -> Reply:
    """To a port of a pod."""
    path = await _path(services, call, "PodProxyOptions")
    wanted = wanted_of(call.info.name, "pod")
    found = services.find(POD, call.info.namespace, wanted.name)
    if found is None:
        raise NotFound.of("pods", "", wanted.name)
    _refuse_simulated(services, found)
    return await _serve(services, call, locations.pod_location(wanted, found), path)


async def service(services: Services, call: Call) -> Reply:
    """To one of a Service's ready endpoints."""
    path = await _path(services, call, "ServiceProxyOptions")
    namespace, wanted = call.info.namespace, wanted_of(call.info.name, "service")
    found = services.find(SERVICE, namespace, wanted.name)
    slices = [s for s in services.all(ENDPOINT_SLICE, namespace) if labels_of(s).get(_SERVICE_NAME) == wanted.name]
    location = locations.service_location(wanted, found, slices, lambda one: _is_pod(services, namespace, one))
    return await _serve(services, call, location, path)


def _is_pod(services: Services, namespace: str, endpoint: Object) -> bool:
    """Whether an endpoint is what it says: slices are written by many, and could lead anywhere."""
    target, address = endpoint.get("targetRef") or {}, endpoint["addresses"][0]
    if target.get("namespace") != namespace or not locations.is_global_unicast(address):
        return False
    found = services.find(POD, namespace, target.get("name") or "")
    if found is None or address not in locations.pod_addresses(found):
        return False
    _refuse_simulated(services, found)
    return True


def _refuse_simulated(services: Services, pod: Object) -> None:
    node = services.find(NODE, "", pod["spec"].get("nodeName") or "")
    refuse_simulated(node, f"pod {pod['metadata']['name']} is")


async def node(services: Services, call: Call) -> Reply:
    """To a kubelet, with the API server's certificate; to another port of a node without."""
    path = await _path(services, call, "NodeProxyOptions")
    wanted = wanted_of(call.info.name, "node")
    found = services.find(NODE, "", wanted.name)
    if found is None:
        raise NotFound.of("nodes", "", wanted.name)
    refuse_simulated(found, "the kubelet is")
    name, port = node_address(found), node_port(found)
    address = await _resolved(name)
    if wanted.port in ("", str(port)):
        location = Location("https", address, port)
        client = await services.proxied.of_kubelet(location, name)
        return await serve(Backend(client, address, port), call.request, path)
    other = Location(wanted.scheme or "http", address, locations.number_of(wanted.port))
    return await _serve(services, call, other, path)


async def _serve(services: Services, call: Call, location: Location, path: str) -> Reply:
    return await serve(Backend(await services.proxied.of(location), location.host, location.port), call.request, path)


async def _path(services: Services, call: Call, kind: str) -> str:
    """What follows /proxy, cleaned, as admission lets it pass; empty where not even a slash does."""
    if call.request.method not in METHODS:
        raise MethodNotAllowed("the server does not allow this method on the requested resource", details={})
    rest = "/".join(call.info.rest).replace("%2f", "/")
    path = f"/{rest}" if rest else ""
    if call.info.path.endswith("/") and not path.endswith("/"):
        path += "/"
    options = {"kind": kind, "apiVersion": "v1", **({"path": path} if path else {})}
    return joined(str((await admit_connection(services, call, "proxy", options)).get("path") or ""))


async def _resolved(name: str) -> str:
    """The address of a node's name, that is then dialled: a second look-up could find another. Raises BadRequest."""
    if is_ipv4(name) or is_ipv6(name):
        return locations.allowed(name)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BadRequest(f"lookup {name}: {error.strerror or error}") from error
    addresses = [str(one[4][0]) for one in found]
    if not addresses:
        raise BadRequest("no addresses for hostname")
    for address in addresses:
        locations.allowed(address)
    return addresses[0]
