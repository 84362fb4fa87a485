"""What a cluster is set up with, kept in its state directory as cluster.json.

Written once by `sampan up`, read by the server process and by every later command. Nothing here starts anything.
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

NODE_PREFIX = 24  # of a node's pod range
FIRST_API_PORT, FIRST_KUBELET_PORT, FIRST_DNS_PORT, FIRST_REGISTRY_PORT = 6443, 10250, 10053, 10500
DRAFT = "cluster.json.new"  # what a `sampan up` that was killed may leave


class ConfigError(Exception):
    """A cluster.json can't be read back; the message says which, why, and what to do."""


def home() -> Path:
    """Where clusters live: SAMPAN_HOME, else /var/lib/sampan for root, else ~/.local/share/sampan."""
    if chosen := os.environ.get("SAMPAN_HOME"):
        return Path(chosen)
    return Path("/var/lib/sampan") if os.geteuid() == 0 else Path.home() / ".local/share/sampan"


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """One cluster on this machine. Addresses are strings, ports are host ports."""

    name: str
    state: str  # directory
    api_port: int
    kubelet_port: int
    dns_port: int
    registry_port: int
    node_ip: str
    pod_cidr: str  # of the cluster, 10.244.0.0/16
    service_cidr: str
    dns_ip: str
    lb_pool: str  # CIDR from which LoadBalancer addresses are taken
    listen: str = ""  # "" is loopback and the node's address
    control_plane_only: bool = False
    nodes: Mapping[str, int] = field(default_factory=dict)  # beside the first: name -> number (further.py)
    stopped_nodes: list[str] = field(default_factory=list)  # of these
    simulate_nodes: int | None = None  # 0: there were some; None: there never were
    simulate_config: str = ""  # a file
    kubeconfig: str = ""  # "" is $KUBECONFIG or ~/.kube/config
    kubeconfigs: list[str] = field(default_factory=list)  # the files that have it, wherever $KUBECONFIG leads today
    domain: str = "cluster.local"
    enable_admission_plugins: str = ""  # separated by commas, as on the command line
    disable_admission_plugins: str = ""
    admission_config_file: str = ""
    cluster_signing_duration: str = "8760h"  # of certificates for CertificateSigningRequests, at most
    encryption_provider_config: str = ""  # a file
    encryption_provider_config_automatic_reload: bool = False
    authentication: Mapping[str, Any] = field(default_factory=dict)  # flags of kube-apiserver, by name; files absolute
    authorization: Mapping[str, Any] = field(default_factory=dict)  # the same
    audit: Mapping[str, str] = field(default_factory=dict)  # what was said by flags --audit-*, by their names
    controllers: Mapping[str, Any] = field(default_factory=dict)  # flags of kube-controller-manager, by name
    scheduler_config: str = ""  # a file
    disable_scheduler: bool = False  # somebody else's does its work
    disable_controller_manager: bool = False  # the same
    legacy_discovery: str = "auto"  # who sees versions that upstream has removed: "auto", "always" or "never"

    @property
    def directory(self) -> Path:
        """The state directory."""
        return Path(self.state)

    @property
    def has_nodes(self) -> bool:
        """Whether pods run, or seem to."""
        return not self.control_plane_only or bool(self.simulate_nodes)

    @property
    def server_url(self) -> str:
        """Where clients on this machine reach the API."""
        host = self.listen if self.listen not in ("", "0.0.0.0") else "127.0.0.1"
        return f"https://{host}:{self.api_port}"

    @property
    def node_pod_cidr(self) -> str:
        """The pod range of the first node."""
        return f"{IPv4Network(self.pod_cidr).network_address}/{NODE_PREFIX}"

    @property
    def gateway(self) -> str:
        """Where pods of the first node have their default route: the first address of its range."""
        return str(IPv4Network(self.node_pod_cidr)[1])

    def save(self) -> None:
        """Write cluster.json atomically."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.directory / DRAFT
        draft.write_text(self.text())
        draft.replace(self.directory / "cluster.json")

    def text(self) -> str:
        """What cluster.json holds."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def with_changes(self, **changes: object) -> "ClusterConfig":
        """A copy with other values."""
        return replace(self, **changes)  # type: ignore[arg-type]


def load(directory: Path) -> ClusterConfig | None:
    """The cluster kept in a state directory; None if there is none. Raises ConfigError, OSError."""
    path = directory / "cluster.json"
    try:
        return parse(path.read_text(errors="replace"), path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        raise ConfigError(_damaged(path, "it is a directory")) from None


def parse(text: str, path: Path) -> ClusterConfig:
    """The configuration in the text of a cluster.json; `path` is for the message. Raises ConfigError."""
    try:
        values = json.loads(text)
        if problem := _unfit(values):
            raise ValueError(problem)
        return ClusterConfig(**values)
    except ValueError as error:
        raise ConfigError(_damaged(path, str(error))) from None


def _damaged(path: Path, cause: str) -> str:
    return (
        f"{path} is damaged, or of another version of Sampan: {cause}\n"
        f"Put back a copy of it, or remove the cluster with all its objects:\n    rm -r {path.parent}"
    )


def _unfit(values: object) -> str:
    """Why this is no configuration; "" if it is one."""
    if not isinstance(values, dict):
        return "it holds no object"
    known = {one.name: one.default is MISSING and one.default_factory is MISSING for one in fields(ClusterConfig)}
    lacking = [name for name, required in known.items() if required and name not in values]
    return (
        f"it lacks {', '.join(lacking)}"
        if lacking
        else " and ".join(f"it has {name}" for name in sorted(values.keys() - known))
    )


def all_clusters() -> Iterator[ClusterConfig]:
    """Every cluster in the home directory, by name; raises ConfigError."""
    for path in sorted(home().glob("*/cluster.json")):
        if found := load(path.parent):
            yield found


def free_port(first: int, taken: set[int], host: str = "") -> int:
    """The first port from `first` on that no other cluster claims and nobody listens on."""
    for port in range(first, 65536):
        if port not in taken and bindable(port, host):
            return port
    raise OSError(f"no free port from {first} on")


def bindable(port: int, host: str = "") -> bool:
    """Whether this process could listen there now; `host` "" is every address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
