"""What follows from a Service's type: the questions that defaults, update rules, validation and the allocator ask."""

from sampan.machinery.meta import Object

CLUSTER_IP, NODE_PORT, LOAD_BALANCER, EXTERNAL_NAME = "ClusterIP", "NodePort", "LoadBalancer", "ExternalName"
TYPES = (CLUSTER_IP, EXTERNAL_NAME, LOAD_BALANCER, NODE_PORT)
HEADLESS = "None"  # as clusterIP


def needs_cluster_ip(spec: Object) -> bool:
    """Whether services of this type have a cluster IP (which may be None)."""
    return spec.get("type") in (CLUSTER_IP, NODE_PORT, LOAD_BALANCER)


def is_headless(spec: Object) -> bool:
    """Whether the service is only a name, without an address of its own."""
    return (spec.get("clusterIPs") or [""]) == [HEADLESS] or spec.get("clusterIP") == HEADLESS


def needs_node_ports(spec: Object) -> bool:
    """Whether every port gets a node port."""
    if spec.get("type") == NODE_PORT:
        return True
    return spec.get("type") == LOAD_BALANCER and spec.get("allocateLoadBalancerNodePorts") is not False


def may_have_node_ports(spec: Object) -> bool:
    """Whether ports may name a node port."""
    return spec.get("type") in (NODE_PORT, LOAD_BALANCER)


def is_externally_accessible(spec: Object) -> bool:
    """Whether traffic may come from outside the cluster."""
    if spec.get("type") in (NODE_PORT, LOAD_BALANCER):
        return True
    return spec.get("type") == CLUSTER_IP and bool(spec.get("externalIPs"))


def needs_health_check_port(spec: Object) -> bool:
    """Whether nodes answer the load balancer's question if they have local endpoints."""
    return spec.get("type") == LOAD_BALANCER and spec.get("externalTrafficPolicy") == "Local"
