"""What a kubelet is started with. Plain data, filled by the cluster's bring-up."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletConfig:
    """One node. Paths are absolute; times are in seconds; the defaults are upstream's where upstream has one."""

    node_name: str
    node_ip: str
    pod_cidr: str
    root_dir: Path  # volumes and logs of pods
    cri_socket: str  # the path of containerd's socket
    cluster_dns: tuple[str, ...] = ("10.96.0.10",)
    cluster_domain: str = "cluster.local"
    port: int = 10250  # 0 picks a free one, for tests
    listen: str = "0.0.0.0"
    tls_certificate: bytes = b""  # PEM
    tls_key: bytes = b""
    client_ca: bytes = b""  # signs the certificates of clients, the API server's among them
    max_pods: int = 110
    cgroup_root: str = "/"  # parent of kubepods
    systemd_cgroup: bool = False  # for a runtime of others that uses that driver; pods then have no limits as a whole
    labels: dict[str, str] = field(default_factory=dict)  # of the Node, beside the standard ones
    resolv_conf: Path = Path("/etc/resolv.conf")
    status_interval: float = 300.0  # node status without a change
    lease_interval: float = 10.0
    sync_interval: float = 30.0  # how old the content of volumes may get
    image_gc_high: int = 85  # percent of the disk
    image_gc_low: int = 80
    log_max_size: int = 10 * 1024 * 1024
    log_max_files: int = 5
    node_log_dir: Path = Path("/var/log")  # what /logs shows

    @property
    def checkpoint_dir(self) -> Path:
        """Where checkpoints of containers are written."""
        return self.root_dir / "checkpoints"

    @property
    def log_dir(self) -> Path:
        """Where containerd writes container logs: <namespace>_<pod>_<uid>/<container>/<restarts>.log."""
        return self.root_dir / "logs"

    def pod_dir(self, uid: str) -> Path:
        """Where a pod's volumes and files are."""
        return self.root_dir / "pods" / uid

    def pod_log_dir(self, namespace: str, name: str, uid: str) -> Path:
        """Where a pod's logs are."""
        return self.log_dir / f"{namespace}_{name}_{uid}"
