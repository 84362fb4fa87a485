"""Upstream's kubelet, with its default settings (protobuf), as the user that a node is: it registers and follows.

Which pods it would run is not looked at: only that it finds all that it asks for, under the Node authorizer and
NodeRestriction, and complains of nothing but of the machine that it is on.
"""

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from sampan.cluster.containerd import Containerd, ContainerdOptions
from sampan.kubelet.mounting import unmount_below
from tests.apiserver.harness import API
from tests.clients.components import complaints, component, followed, saying
from tests.clients.rig import kubeconfig

NODE = "upstream"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{NODE}"
OF_NO_CONCERN = (
    f'node \\"{NODE}\\" not found',  # it looks for itself before it has registered
    f'nodes \\"{NODE}\\" not found',
    "Skipping pod synchronization",  # while it has not looked at the containers yet
    "unknown method RuntimeConfig",  # of an older containerd
    "no imagefs label for configured runtime",
    "invalid capacity 0 on image filesystem",
    "checkpoint is not found",  # in its new, empty directory
    "Failed to set rlimit",  # in a container or a small machine
    "oom score",
)


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Containerd]:
    """A containerd of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    (tmp_path / "net.d").mkdir()
    options = ContainerdOptions(cni_conf_dir=tmp_path / "net.d", registry_dir=tmp_path / "registries")
    containerd = Containerd(tmp_path / "state", options)
    await containerd.ensure_running()
    try:
        yield containerd
    finally:
        await containerd.stop(remove_containers=True)
        unmount_below(tmp_path)


async def test_it_registers_and_follows_everything_without_complaint(
    tls: API, runtime: Containerd, tmp_path: Path
) -> None:
    said: list[str] = []
    async with saying(component("kubelet"), *flags(tls.server.port, runtime, tmp_path)) as output:
        await followed(output, 'type="*v1.Pod"', said)
        while not any("Successfully registered node" in line for line in said):
            said.append((await output.readline()).decode())
        node = await tls.get(f"/api/v1/nodes/{NODE}")
        while (await tls.call("GET", LEASE)).status != 200:
            said.append((await output.readline()).decode())
    assert node["metadata"]["managedFields"][0]["manager"] == "kubelet"
    assert complaints(said, OF_NO_CONCERN) == []


def flags(port: int, runtime: Containerd, folder: Path) -> list[str]:
    """Its files and the flags that name them."""
    for name, content in (("kubeconfig", as_node(port)), ("kubelet.yaml", configuration(runtime))):
        (folder / name).write_text(yaml.safe_dump(content))
    return [
        f"--config={folder}/kubelet.yaml",
        f"--kubeconfig={folder}/kubeconfig",
        f"--root-dir={folder}/root",
        f"--cert-dir={folder}/pki",
        f"--hostname-override={NODE}",
    ]


def as_node(port: int) -> dict[str, object]:
    """A kubeconfig with a node's certificate."""
    return kubeconfig(port, f"system:node:{NODE}", "system:nodes")


def free_port() -> int:
    """Zero would mean the one that every kubelet has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def configuration(runtime: Containerd) -> dict[str, object]:
    """What it needs to be told to share a machine with others, and no more."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{runtime.socket}",
        "address": "127.0.0.1",
        "port": free_port(),
        "healthzPort": 0,
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "logging": {"verbosity": 3},
    }
