"""What the controllers can be told, beyond what the API says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sampan.reconcile.controller import Context
from sampan.reconcile.discovery import Discovery


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of a set of controllers, under the names of kube-controller-manager's flags where it has them."""

    root_ca: str = ""  # PEM of the CA that pods trust the API server by; without it no kube-root-ca.crt is published
    cluster_signing_cert: bytes = b""  # PEM of the CA, and its key, that sign CertificateSigningRequests; without, none
    cluster_signing_key: bytes = field(default=b"", repr=False)
    cluster_signing_duration: float = 365 * 86400.0  # seconds that a certificate is good for at most
    load_balancer_pool: tuple[str, ...] = ()  # addresses or CIDR ranges for Services of type LoadBalancer
    cluster_cidr: str = ""  # of pods, one or two ranges; without, nodes are given none
    service_cluster_ip_range: str = ""  # of Services: no node gets any of it
    kept_node_cidrs: tuple[str, ...] = ()  # ranges that kubelets take by themselves: no other node gets them
    node_cidr_mask_size_ipv4: int = 24
    node_cidr_mask_size_ipv6: int = 64
    node_monitor_grace_period: float = 50.0  # seconds without a lease renewal after which a node is not heard of
    node_monitor_period: float = 5.0
    horizontal_pod_autoscaler_sync_period: float = 15.0  # seconds between two looks at an autoscaler
    horizontal_pod_autoscaler_tolerance: float = 0.1  # how far from its target a metric may be, where no behavior says
    horizontal_pod_autoscaler_downscale_stabilization: float = 300.0  # seconds, likewise
    horizontal_pod_autoscaler_cpu_initialization_period: float = 300.0
    horizontal_pod_autoscaler_initial_readiness_delay: float = 30.0
    terminated_pod_gc_threshold: int = 12500  # finished pods beyond so many are deleted, oldest first; 0: never
    pvclaimbinder_sync_period: float = 15.0  # seconds after which claims that wait for a volume are looked at again
    sign_token: Callable[[dict[str, Any]], str] | None = None  # makes the tokens of Secrets; None: they stay empty
    legacy_token_clean_up_period: float = 365 * 86400.0  # seconds: unused for so long, they go
    kube_api_qps: float = 20.0  # requests a second that each controller makes, once its burst is used up; -1: no limit
    kube_api_burst: int = 500  # upstream's is 30, which is what holds up a user; what holds a flood is the rate
    leader_elect: str = ""  # our identity in an election, where several servers share a store; "" leads at once
    controllers: tuple[str, ...] = ("*",)  # those that run: all ("*"), those that are named, but not "-NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerContext(Context):
    """The context of a controller that also reads the configuration, or works on kinds that come and go."""

    discovery: Discovery
    config: Config = Config()
