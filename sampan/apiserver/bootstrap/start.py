"""What a server does before it is ready: the objects of bootstrap/, in the order in which they need each other."""

from ipaddress import IPv4Network, ip_address

from sampan.apiserver.bootstrap import objects, policy, policy_namespaced
from sampan.apiserver.bootstrap.reconcile import Reconciler
from sampan.client.api import Client
from sampan.machinery.catalogue import Catalogue


async def bootstrap(
    client: Client, catalogue: Catalogue, service_range: IPv4Network, address: str, port: int, client_ca: bytes
) -> None:
    """Idempotent."""
    reconciler = Reconciler(client, catalogue)
    await reconciler.ensure(objects.namespaces())
    await reconciler.ensure(objects.priority_classes())
    for role in (*policy.roles(), *policy_namespaced.roles()):
        await reconciler.reconcile_role(role)
    for binding in (*policy.bindings(), *policy_namespaced.bindings()):
        await reconciler.reconcile_binding(binding)
    await reconciler.ensure_current(objects.authentication_config(client_ca.decode()), ("data",))
    await reconciler.ensure([objects.kubernetes_service(service_range, port)])
    if ip_address(address).is_loopback:
        return  # no pod could reach it: a control plane without nodes has the Service, but no endpoints
    await reconciler.ensure_current(objects.kubernetes_endpoints(address, port), ("subsets",))
    await reconciler.ensure_current(objects.kubernetes_endpoint_slice(address, port), ("endpoints", "ports"))
