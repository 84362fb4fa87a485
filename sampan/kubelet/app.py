"""The kubelet: one task per pod of this node, and the tasks that serve them all.

    pods informer -> a PodWorker each -> containers, status
    containerd's events, relisting    -> wake the worker concerned; pods that the API doesn't know are removed
    node_status.py, gc.py, log_rotation.py, server.py

It is a client of the API and of CRI and nothing else; cancelling `run` leaves all containers running, and the next one
adopts them. Called by the cluster's bring-up.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.kinds.certificates.pod_certificate_request import KIND as POD_CERTIFICATE_REQUEST
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kubelet import service_env
from sampan.kubelet.admission import is_new, refusal
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRI, CRIError
from sampan.kubelet.dns import read_resolv_conf
from sampan.kubelet.gc import collect_garbage
from sampan.kubelet.handlers import Handlers
from sampan.kubelet.images import Images
from sampan.kubelet.log_rotation import rotate_logs
from sampan.kubelet.machine import read_machine
from sampan.kubelet.node import allocatable
from sampan.kubelet.node_status import NodeReporter
from sampan.kubelet.orphans import pods_on_disk, remove_orphan, remove_traces
from sampan.kubelet.pod_certificates import PodCertificates
from sampan.kubelet.podspec import uid_of
from sampan.kubelet.resize.ledger import Ledger
from sampan.kubelet.resize.reviews import review
from sampan.kubelet.runtime import Runtime
from sampan.kubelet.runtime_state import RuntimeState
from sampan.kubelet.server import KubeletServer
from sampan.kubelet.sources import SourceReader
from sampan.kubelet.task_events import EXIT, OOM, follow_tasks
from sampan.kubelet.volumes.claims import Claims
from sampan.kubelet.volumes.image import ImageVolumes
from sampan.kubelet.volumes.manager import Origins, Volumes
from sampan.kubelet.volumes.tokens import Tokens
from sampan.kubelet.volumes.trust_anchors import TrustAnchors
from sampan.kubelet.worker import PodWorker
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock
from sampan.reconcile.events import EventRecorder
from sampan.reconcile.waits import first_of

log = logging.getLogger(__name__)

RELIST_WITHOUT_EVENTS, RELIST_WITH_EVENTS = 1.0, 30.0
RECONNECT = 0.5
WORKER_RETRY = 5.0


class Kubelet:
    """The node agent of one node."""

    def __init__(self, client: Client, config: KubeletConfig, clock: Clock) -> None:
        config.root_dir.mkdir(parents=True, exist_ok=True)
        self.config = config
        self.clock = clock
        self.cri = CRI(config.cri_socket)
        self.informers = Informers(client)
        self._pods = self.informers.of(POD, fields=f"spec.nodeName={config.node_name}")
        self._services = self.informers.of(SERVICE)
        self._workers: dict[str, PodWorker] = {}
        self._has_events = False
        self._relist_now = asyncio.Event()
        machine = read_machine(config)
        self._allocatable = allocatable(machine, config.max_pods)
        recorder = EventRecorder(client, "kubelet", clock, host=config.node_name)
        sources, images = SourceReader(client), Images(self.cri, clock)
        image_volumes = ImageVolumes(images, sources, recorder.event, config.cri_socket)
        self.services = KubeletContext(
            client=client,
            config=config,
            clock=clock,
            cri=self.cri,
            handlers=Handlers(self.cri, clock),
            runtime=Runtime(self.cri),
            images=images,
            ledger=Ledger(config.pod_dir),
            volumes=Volumes(
                config, self._origins(client, sources, recorder, image_volumes), clock, lambda: self._allocatable
            ),
            sources=sources,
            recorder=recorder,
            resolver=read_resolv_conf(config.resolv_conf),
            memory_capacity=machine.memory,
            service_env=self._service_variables,
            allocatable=lambda: self._allocatable,
        )
        self._runtime_state = RuntimeState(self.cri, clock)
        self._reporter = NodeReporter(client, config, self._runtime_state, clock, recorder, machine)
        self.server = KubeletServer(self.services, self.pods)

    def _origins(self, client: Client, sources: SourceReader, recorder: EventRecorder, images: ImageVolumes) -> Origins:
        name, clock = self.config.node_name, self.clock
        requests = self.informers.of(POD_CERTIFICATE_REQUEST, fields=f"spec.nodeName={name}")
        certificates = PodCertificates(client, name, requests, recorder.event, clock)
        return Origins(sources, Claims(client), Tokens(client, clock), TrustAnchors(client), certificates, images)

    @property
    def port(self) -> int:
        """Where the kubelet's HTTPS server listens, once `ready`."""
        return self._reporter.port

    def pods(self) -> list[Object]:
        """The pods of this node as they are known now, with the newest status; not those that the API has deleted."""
        return [worker.pod for worker in self._workers.values() if not worker.removed]

    async def run(self, ready: Callable[[], None]) -> None:
        """Work until cancelled; calls `ready` once, when the node is registered and its pods are known."""
        try:
            async with asyncio.TaskGroup() as group:
                self.informers.run(group)
                group.create_task(self.services.recorder.run(), name="kubelet events")
                self._reporter.port = await self.server.start()
                await self._reporter.register()
                await self._services.synced()
                await self._pods.synced()
                self._pods.on_change(lambda old, new: self._on_pod(group, old, new))
                self._pods.on_change(lambda old, new: self._review())
                group.create_task(self._reporter.run(), name="node heartbeats")
                group.create_task(self._follow(), name="containerd events")
                group.create_task(self._relist(), name="relist")
                group.create_task(collect_garbage(self.services), name="garbage collection")
                group.create_task(rotate_logs(self.services), name="log rotation")
                ready()
        finally:
            await self.server.stop()
            await self.cri.close()

    # Pods

    def _on_pod(self, group: asyncio.TaskGroup, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None, "a change has an old or a new form"
            if worker := self._workers.get(uid_of(old)):
                worker.remove()
            return
        worker = self._workers.get(uid_of(new))
        if worker is not None:
            worker.update(new)
            return
        refused = refusal(new, self._allocatable, self._allocated()) if is_new(new) else None
        worker = self._workers[uid_of(new)] = PodWorker(self.services, new)
        if refused is not None:
            worker.refuse(*refused)
        group.create_task(self._work(worker), name=f"pod {new['metadata']['namespace']}/{new['metadata']['name']}")

    def _allocated(self) -> list[Object]:
        return [worker.allocated() for worker in self._workers.values() if worker.counts]

    def _review(self) -> None:
        """Resize what can be resized now."""
        if any(worker.wish() for worker in self._workers.values()):
            review([worker for worker in self._workers.values() if worker.counts], self._allocatable)

    async def _work(self, worker: PodWorker) -> None:
        """Run a worker to its end; a bug in it must not take the node down."""
        while True:
            try:
                await worker.run()
                break
            except Exception:
                log.exception("the worker of pod %s failed; it starts again", worker.uid)
                await self.clock.sleep(WORKER_RETRY)
        del self._workers[worker.uid]

    def _service_variables(self, pod: Object) -> Mapping[str, str]:
        links = pod["spec"].get("enableServiceLinks") is not False
        seen = service_env.visible(self._services.items(), pod["metadata"]["namespace"], links)
        return service_env.variables(seen)

    # The runtime's changes

    async def _follow(self) -> None:
        """Follow containerd's events; while that fails, relisting is quick."""
        tell = {EXIT: self._on_exit, OOM: self._on_oom}
        while True:
            if not await follow_tasks(self.cri.channel, self.clock, tell, self._on_listening):
                log.info("the runtime announces nothing; listing its containers every second instead")
                return
            self._has_events = False
            await self.clock.sleep(RECONNECT)

    def _on_listening(self) -> None:
        """Look everywhere, for what happened while nobody listened."""
        self._has_events = True
        self.services.runtime.read_again()
        for worker in self._workers.values():
            worker.wake()
        self._relist_now.set()

    def _on_exit(self, identity: str) -> None:
        if worker := self._worker_of(identity):
            worker.container_ended(identity)

    def _on_oom(self, identity: str) -> None:
        self.services.runtime.out_of_memory(identity)
        if worker := self._worker_of(identity):
            worker.wake()

    def _worker_of(self, identity: str) -> PodWorker | None:
        uid = self.services.runtime.owner(identity)
        return self._workers.get(uid) if uid else None

    async def _relist(self) -> None:
        """Wake the workers of pods whose containers changed unannounced; remove pods that nobody knows."""
        before: dict[str, int] = {}
        while True:
            try:
                before = await self._compare(before)
                self._runtime_state.listed()
                await self._remove_orphans()
            except (CRIError, OSError) as error:
                log.warning("what runs could not be compared with what should: %s", error)
            pause = self.clock.sleep(RELIST_WITH_EVENTS if self._has_events else RELIST_WITHOUT_EVENTS)
            await first_of(self._relist_now.wait(), pause)
            self._relist_now.clear()

    async def _compare(self, before: dict[str, int]) -> dict[str, int]:
        listed = [*await self.cri.list_containers(), *await self.cri.list_sandboxes()]
        now = {item.id: int(item.state) for item in listed}
        for identity in now.keys() | before.keys():
            uid = self.services.runtime.owner(identity)
            if now.get(identity) != before.get(identity) and uid in self._workers:
                self._workers[uid].wake()
        return now

    async def _remove_orphans(self) -> None:
        running = await self.services.runtime.uids()
        cgroup_root = "" if self.config.systemd_cgroup else self.config.cgroup_root
        on_disk = await asyncio.to_thread(pods_on_disk, self.config.root_dir, cgroup_root)
        unknown = running.keys() - self._workers.keys()
        await asyncio.gather(*(remove_orphan(self.services, *running[uid], uid) for uid in unknown))
        for uid in on_disk - running.keys() - self._workers.keys():
            await remove_traces(self.services, uid)
