"""A real node for tests and the benchmark: API in memory, our own containerd, a throw-away network, a kubelet.

Nothing is shared with another rig or with the system: directories, sockets, pod ranges and cgroups are its own, and
`Rig.close` removes them all.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from sampan.apiserver.authentication.user import authenticated
from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.client.api import Client
from sampan.cluster.containerd import Containerd, ContainerdOptions
from sampan.cluster.oci import File, Link, archive, layer
from sampan.cluster.pki import PKI
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.kubelet import cgroups
from sampan.kubelet.app import Kubelet
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.cri import CRI
from sampan.kubelet.mounting import unmount_below
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock, SystemClock
from sampan.storage.memory import MemoryStore
from sampan.storage.protocol import Store

BUSYBOX = "registry.example/busybox:1"
NODE = "rig"
_APPLETS = (
    "sh",
    "cat",
    "echo",
    "sleep",
    "touch",
    "rm",
    "id",
    "env",
    "hostname",
    "httpd",
    "test",
    "head",
    "true",
    "false",
)


def busybox_archive() -> bytes:
    """An image of the distribution's static busybox."""
    entries: dict[str, Any] = {"bin/busybox": File(Path("/bin/busybox").read_bytes(), 0o755)}
    entries |= {f"bin/{name}": Link("busybox") for name in _APPLETS}
    entries |= {"etc/passwd": File(b"root:x:0:0::/:/bin/sh\n"), "tmp/.keep": File(b""), "www/index.html": File(b"hi\n")}
    return archive(BUSYBOX, [layer(entries)], {"Env": ["PATH=/bin"], "Cmd": ["sh"]})


class Rig:
    """See the module. `kubelet` may be stopped and started again; containers stay."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        digest = hashlib.sha256(os.fsencode(directory)).digest()
        self.subnet = f"10.{200 + digest[0] % 50}.{digest[1]}.0/24"
        self.cgroup_root = f"/sampan-rig-{digest.hex()[:8]}"
        cni = directory / "net.d"
        options = ContainerdOptions(cni_conf_dir=cni, registry_dir=directory / "registries")
        self.containerd = Containerd(directory / "state", options)
        _write_cni(cni, directory, digest.hex()[:8], self.subnet)

    async def open(self, store: Store | None = None) -> None:
        """Start containerd and the API, on a store in memory unless one is given."""
        self.pki = self.directory / "pki"
        PKI(directory=self.pki, server_hosts=["127.0.0.1"], node_name=NODE, node_hosts=["127.0.0.1"]).ensure()
        self.api = APIServer(
            APIServerConfig(
                store=store or MemoryStore(),
                service_account_key=self.read("sa.key"),
                kubelet_ca=self.read("ca.crt"),
                kubelet_client_certificate=self.read("apiserver-kubelet-client.crt"),
                kubelet_client_key=self.read("apiserver-kubelet-client.key"),
            )
        )
        await self.api.start()
        self.client = self.api.local_client()
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": "default"},
        }
        await self.client.create(SERVICE_ACCOUNT, account)
        await self.containerd.ensure_running()
        image = self.directory / "busybox.tar"
        image.write_bytes(busybox_archive())
        await self.containerd.import_image(image)

    async def close(self) -> None:
        """Leave nothing behind."""
        await self.api.stop()
        await self.containerd.stop(remove_containers=True)
        unmount_below(self.directory)
        cgroups.remove(self.cgroup_root)
        shutil.rmtree(self.directory)

    def read(self, name: str) -> bytes:
        """Key material."""
        return (self.pki / name).read_bytes()

    def pid(self, identity: str) -> int:
        """The first process of a container or sandbox."""
        bundle = self.containerd.run_dir / "state/io.containerd.runtime.v2.task/k8s.io" / identity
        return int((bundle / "init.pid").read_text())

    def cri(self) -> CRI:
        """A connection to the runtime of its own."""
        return CRI(str(self.containerd.socket))

    @contextlib.asynccontextmanager
    async def kubelet(self, clock: Clock | None = None, **settings: Any) -> AsyncIterator[Kubelet]:
        """A kubelet that runs inside the context."""
        config = KubeletConfig(
            node_name=NODE,
            node_ip="127.0.0.1",
            pod_cidr=self.subnet,
            root_dir=self.directory / "kubelet",
            cri_socket=str(self.containerd.socket),
            port=0,
            listen="127.0.0.1",
            tls_certificate=self.read("kubelet.crt"),
            tls_key=self.read("kubelet.key"),
            client_ca=self.read("ca.crt"),
            cgroup_root=self.cgroup_root,
            **settings,
        )
        client = self.api.local_client(authenticated(f"system:node:{NODE}", ("system:nodes",)))
        kubelet, ready = Kubelet(client, config, clock or SystemClock()), asyncio.Event()
        running = asyncio.ensure_future(kubelet.run(ready.set))
        waiting = asyncio.ensure_future(ready.wait())
        try:
            await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            yield kubelet
        finally:
            waiting.cancel()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def create(self, name: str, spec: Object, **meta: Any) -> Object:
        """Create a pod on this node."""
        spec = {"nodeName": NODE, "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 1} | spec
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", **meta}}
        return await self.client.create(POD, pod | {"spec": spec})

    async def until(self, name: str, test: Callable[[Object], bool], seconds: float = 60.0) -> Object:
        """Wait until a pod passes a test; the pod."""
        return await wait_pod(self.client, name, test, seconds)

    async def delete(self, name: str, grace: int | None = None) -> None:
        """Delete a pod and wait until it is gone."""
        fields = f"metadata.name={name}"
        found = await self.client.list(POD, "default", fields=fields)
        await self.client.delete(POD, name, "default", grace_period=grace)
        async with (
            asyncio.timeout(60),
            self.client.watch(POD, "default", fields=fields, resource_version=found.resource_version) as events,
        ):
            async for event in events:
                if event.type == "DELETED":
                    return

    async def told(self, name: str, reason: str, seconds: float = 30.0) -> str:
        """Wait for an event of a reason about a pod; the message of the first one."""
        fields = f"involvedObject.name={name},reason={reason}"
        found = await self.client.list(EVENT, "default", fields=fields)
        if found.items:
            return str(found.items[0]["message"])
        async with (
            asyncio.timeout(seconds),
            self.client.watch(EVENT, "default", fields=fields, resource_version=found.resource_version) as events,
        ):
            async for event in events:
                if event.type != "BOOKMARK":
                    return str(event.object["message"])
        raise AssertionError(f"no {reason} was told about {name}")


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Wait for what tells nobody when it happens: files, cgroups, the runtime's records."""
    for _ in range(int(seconds / 0.05)):
        if await check():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")


async def wait_pod(client: Client, name: str, test: Callable[[Object], bool], seconds: float) -> Object:
    """Follow a pod until it passes a test; raises AssertionError with its last state."""
    fields = f"metadata.name={name}"
    found = await client.list(POD, "default", fields=fields)
    last = found.items[0] if found.items else {}
    if last and test(last):
        return last
    try:
        async with (
            asyncio.timeout(seconds),
            client.watch(POD, "default", fields=fields, resource_version=found.resource_version) as events,
        ):
            async for event in events:
                last = event.object
                if event.type != "BOOKMARK" and test(last):
                    return last
    except TimeoutError:
        pass
    raise AssertionError(f"{name} did not come to pass: {json.dumps(last.get('status'), indent=1)}")


def container(*script: str, **more: Any) -> Object:
    """A busybox container that runs a shell script."""
    return {"name": "main", "image": BUSYBOX, "command": ["sh", "-c", "\n".join(script)]} | more


def state_of(pod: Object, index: int = 0) -> Object:
    """The state of a container; {} before there is one."""
    statuses = pod["status"].get("containerStatuses") or []
    return dict(statuses[index]["state"]) if statuses else {}


def is_running(pod: Object) -> bool:
    """Whether the pod's phase is Running."""
    return bool(pod["status"].get("phase") == "Running")


def is_ready(pod: Object) -> bool:
    """Whether the pod's Ready condition is True."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())


def _write_cni(directory: Path, state: Path, name: str, subnet: str) -> None:
    directory.mkdir(parents=True)
    ipam = {"type": "host-local", "dataDir": str(state / "ipam"), "ranges": [[{"subnet": subnet}]]}
    plugin = {"type": "ptp", "ipMasq": False, "ipam": ipam | {"routes": [{"dst": "0.0.0.0/0"}]}}
    conflist = {"cniVersion": "1.0.0", "name": f"rig-{name}", "plugins": [plugin]}
    (directory / "10-rig.conflist").write_text(json.dumps(conflist))
