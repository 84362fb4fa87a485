"""What a server does before it is ready: the objects of bootstrap/, in the order in which they need each other."""

from ipaddress import IPv4Network, ip_address

from sampan.apiserver.bootstrap import objects, policy, policy_namespaced
from sampan.apiserver.bootstrap.reconcile import ensure, ensure_current, reconcile_binding, reconcile_role
from sampan.client.api import Client


async def bootstrap(client: Client, service_range: IPv4Network, address: str, port: int, client_ca: bytes) -> None:
    """Idempotent."""
    await ensure(client, objects.namespaces())
    await ensure(client, objects.priority_classes())
    for role in (*policy.roles(), *policy_namespaced.roles()):
        await reconcile_role(client, role)
    for binding in (*policy.bindings(), *policy_namespaced.bindings()):
        await reconcile_binding(client, binding)
    await ensure_current(client, objects.authentication_config(client_ca.decode()), ("data",))
    await ensure(client, [objects.kubernetes_service(service_range, port)])
    if ip_address(address).is_loopback:
        return  # no pod could reach it: a control plane without nodes has the Service, but no endpoints
    await ensure_current(client, objects.kubernetes_endpoints(address, port), ("subsets",))
    await ensure_current(client, objects.kubernetes_endpoint_slice(address, port), ("endpoints", "ports"))
