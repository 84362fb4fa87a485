"""The settings of a cluster that exists on paper only."""

from pathlib import Path

from sampan.cluster.config import ClusterConfig


def cluster_config(name: str, state: Path) -> ClusterConfig:
    """Ports and addresses that nobody uses."""
    return ClusterConfig(
        name=name,
        state=str(state),
        api_port=1,
        kubelet_port=2,
        dns_port=3,
        registry_port=4,
        node_ip="192.0.2.1",
        pod_cidr="10.244.0.0/16",
        service_cidr="10.96.0.0/12",
        dns_ip="10.96.0.10",
        lb_pool="10.240.0.0/24",
    )
