"""The node's network: what this machine needs before a pod can be given an address, and its exact undoing.

Pods hang on the CNI plugin `ptp`: one veth pair each, a /32 route on the host, no bridge. Everything between pods is
routed, so it passes the Service rules without br_netfilter, a pod reaches itself through its Service without hairpin
mode, and adding one costs the same as with `bridge` (8 and 9 ms where this was measured). Host ports are the proxy's.

The node's gateway address lies on `lo`, so it is there before the first pod; Service and LoadBalancer ranges are routed
to `lo` with that source, so a process on this machine reaches them even where there is no default route, and what no
Service rule takes ends there. Masquerading is in the proxy's table (proxy/base.py).

Called by cluster/ when a node is brought up, stopped or removed. Nothing here knows containers.
"""

import asyncio
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from sampan.cluster.forwarding import release_forwarding, require_forwarding
from sampan.proxy.nft import Nft

# Marks our routes (`ip route` shows "proto 83"), so that removal can tell them from anybody else's.
ROUTE_PROTOCOL = "83"


class NetworkError(Exception):
    """A command that sets up the network failed; the text is its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """One node's network. CIDRs and addresses are strings."""

    name: str  # of the cluster
    state: Path  # directory for address assignments and the CNI configuration
    pod_cidr: str  # of the cluster
    node_pod_cidr: str  # of this node, within pod_cidr
    service_cidr: str
    lb_pool: str
    cni_cache: Path = Path("/var/lib/cni")  # where libcni keeps results, whoever calls it
    run_dir: Path = Path("/run/sampan")  # what all clusters of this machine share until it is rebooted

    @property
    def gateway(self) -> str:
        """The first address of the node's range: every pod's default route."""
        return str(IPv4Network(self.node_pod_cidr)[1])

    @property
    def network(self) -> str:
        """The CNI network's name."""
        return f"sampan-{self.name}"

    @property
    def routed(self) -> frozenset[str]:
        """The ranges that this machine has a route of ours for."""
        return frozenset({self.service_cidr, self.lb_pool, self.pod_cidr})

    @property
    def table(self) -> str:
        """The cluster's nftables table (family ip)."""
        return f"sampan-{self.name}"

    @property
    def cni_conf_dir(self) -> Path:
        """What containerd's CRI must be given as conf_dir."""
        return self.state / "net.d"

    @property
    def ipam_dir(self) -> Path:
        """Where host-local keeps which address is whose."""
        return self.state / "ipam"


def conflist(config: NetworkConfig) -> dict[str, Any]:
    """The CNI network configuration list (CNI specification 1.0.0) by which containerd connects pods."""
    subnet = {"subnet": config.node_pod_cidr, "gateway": config.gateway}
    ipam = {
        "type": "host-local",
        "dataDir": str(config.ipam_dir),
        "ranges": [[subnet]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {"cniVersion": "1.0.0", "name": config.network, "plugins": [{"type": "ptp", "ipam": ipam}]}


def set_up_commands(config: NetworkConfig) -> list[str]:
    """Lines for `ip -batch`; they may be run again at any time."""
    here = f"dev lo src {config.gateway} proto {ROUTE_PROTOCOL}"
    return [
        "link set lo up",
        f"address replace {config.gateway}/32 dev lo scope host",
        f"route replace {config.service_cidr} {here}",
        f"route replace {config.lb_pool} {here}",
        # A pod that is gone is answered for here, and its packets don't follow the default route.
        f"route replace unreachable {config.pod_cidr} proto {ROUTE_PROTOCOL}",
    ]


def tear_down_commands(
    config: NetworkConfig, routes: Sequence[Mapping[str, Any]], links: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Lines for `ip -batch` that remove what is still there of ours.

    `routes` is `ip -json route`, `links` `ip -json address`. Pods' host interfaces are those that have our gateway's
    address, which ptp gives to each.
    """
    lines = []
    for route in routes:
        if route["dst"] in config.routed and route.get("protocol") == ROUTE_PROTOCOL:
            kind = "unreachable " if route.get("type") == "unreachable" else ""
            lines.append(f"route del {kind}{route['dst']} proto {ROUTE_PROTOCOL}")
    for link in links:
        if any(address.get("local") == config.gateway for address in link.get("addr_info", ())):
            name = link["ifname"]
            lines.append(f"address del {config.gateway}/32 dev lo" if name == "lo" else f"link del {name}")
    return lines


def node_address() -> str | None:
    """The address of the interface that has the default route; without one, the first that is not loopback or ours.

    None on a machine that has only loopback; the node then goes by its gateway address.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # documentation range: asks the routing table, sends nothing
            return str(probe.getsockname()[0])
        except OSError:
            return first_address(json.loads(_ip("-json", "-4", "address", "show", "scope", "global", "up")))


def first_address(links: Sequence[Mapping[str, Any]]) -> str | None:
    """The first global address of `ip -json address` that is a machine's own: not of a pod's interface."""
    for link in links:
        if link.get("ifname") == "lo" or link.get("ifname", "").startswith("veth"):
            continue
        for address in link.get("addr_info", ()):
            if not IPv4Address(address["local"]).is_link_local:
                return str(address["local"])
    return None


class Network:
    """Brings one node's network up and down. Both may be called in any state, also after a crash."""

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config

    async def up(self) -> None:
        """Addresses, routes, forwarding, and the CNI configuration. Raises NetworkError, OSError."""
        config = self.config
        config.cni_conf_dir.mkdir(parents=True, exist_ok=True)
        _write(config.cni_conf_dir / "10-sampan.conflist", json.dumps(conflist(config), indent=2) + "\n")
        require_forwarding(config.run_dir, config.name)
        await _batch(set_up_commands(config))

    async def down(self) -> None:
        """Remove what `up`, the CNI plugin and the proxy made on this machine. Raises NetworkError, OSError."""
        config = self.config
        routes = json.loads(await run("ip", "-json", "-4", "route", "show", "proto", ROUTE_PROTOCOL) or "[]")
        links = json.loads(await run("ip", "-json", "-4", "address", "show", "to", f"{config.gateway}/32") or "[]")
        routes = [route | {"protocol": ROUTE_PROTOCOL} for route in routes]  # `ip` omits what it was asked for
        await _batch(tear_down_commands(config, routes, links))
        with Nft() as nft:
            await nft.delete_table(config.table)
        release_forwarding(config.run_dir, config.name)
        self.forget()

    def forget(self) -> None:
        """Remove the files about addresses; all that there is to do where a whole network namespace has gone."""
        config = self.config
        for directory in (config.ipam_dir, config.cni_conf_dir):
            shutil.rmtree(directory, ignore_errors=True)
        # libcni names a result <network>-<container id>-<interface>; another cluster's name may begin with ours
        ours = re.compile(re.escape(config.network) + r"-([0-9a-f]{64})-\w+")
        results = config.cni_cache / "results"
        for result in results.glob("*"):
            if match := ours.fullmatch(result.name):
                (results / f"cni-loopback-{match[1]}-lo").unlink(missing_ok=True)  # containerd's, for the same pod
                result.unlink(missing_ok=True)


async def _batch(lines: Sequence[str]) -> None:
    if lines:
        await run("ip", "-batch", "-", text="\n".join(lines) + "\n")


async def run(*command: str, text: str = "") -> str:
    """What a command prints; raises NetworkError with its own words."""
    # in a thread: uvloop's streams fail where a command ends before it has been written to
    done = await asyncio.to_thread(subprocess.run, command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NetworkError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True).stdout


def _write(path: Path, text: str) -> None:
    """Replace a file's content at once: containerd watches the directory."""
    if path.is_file() and path.read_bytes() == text.encode():
        return
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)
