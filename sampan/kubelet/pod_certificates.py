"""Certificates of pods: asking signers for them, waiting for the answer, and asking again in time.

A volume with a podCertificate source asks when it is made and whenever it is looked at again; what it is told is in
pod_certificate_state.py. The API checks that this node asks for its own pods only. KEP-4317.
"""

import asyncio
import base64
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from sampan.client.api import Client
from sampan.client.informer import Informer
from sampan.kinds.certificates.pod_certificate_request import KIND as REQUEST
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.kubelet import pod_keys
from sampan.kubelet.pod_certificate_state import PENDING, Asked, Credentials, Projection, Told
from sampan.kubelet.podspec import uid_of
from sampan.kubelet.volumes.content import VolumeError
from sampan.machinery.meta import Key, Object, key_of
from sampan.reconcile.clock import Clock
from sampan.reconcile.waits import first_of

_WAIT = 10.0  # seconds for the first answer, until the volume is tried again
_JITTER = timedelta(minutes=5)

Place = tuple[str, str, int]  # uid of the pod, volume, position of the source in it
Tell = Callable[[Object, str, str, str], None]  # (pod, type, reason, message)


@dataclass(slots=True)
class _Held:
    projection: Projection = field(default_factory=Projection)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    jitter: timedelta = field(default_factory=lambda: random.random() * _JITTER)


class PodCertificates:
    """The certificates of the node's pods. `requests` follows the requests of this node."""

    def __init__(self, client: Client, node_name: str, requests: Informer, tell: Tell, clock: Clock) -> None:
        self._client = client
        self._node_name = node_name
        self._requests = requests
        self._tell = tell
        self._clock = clock
        self._held: dict[Place, _Held] = defaultdict(_Held)

    async def get(self, pod: Object, volume: str, position: int, source: Object) -> Credentials:
        """Key and certificates of a source; raises VolumeError where there are none (yet), APIError, OSError."""
        held = self._held[uid_of(pod), volume, position]
        async with held.lock:
            now, projection = self._clock.now(), held.projection
            if projection.must_ask(now):
                projection.asked = await self._ask(pod, source)
            if projection.asked:
                await self._hear(pod, held, projection.asked)
            self._say(pod, projection.overdue(now))
            if projection.refusal or projection.issued is None:
                raise VolumeError(projection.refusal or PENDING)
            return projection.issued.credentials

    def forget(self, uid: str) -> None:
        """Drop what a pod has."""
        for place in [place for place in self._held if place[0] == uid]:
            del self._held[place]

    async def _ask(self, pod: Object, source: Object) -> Asked:
        meta, account = pod["metadata"], pod["spec"].get("serviceAccountName") or "default"
        node = await self._client.get(NODE, self._node_name)
        owner = await self._client.get(SERVICE_ACCOUNT, account, meta["namespace"])
        proven = await asyncio.to_thread(pod_keys.make, source["keyType"])
        spec = {
            "signerName": source["signerName"],
            "podName": meta["name"],
            "podUID": meta["uid"],
            "serviceAccountName": account,
            "serviceAccountUID": owner["metadata"]["uid"],
            "nodeName": self._node_name,
            "nodeUID": node["metadata"]["uid"],
            "stubPKCS10Request": base64.b64encode(proven.stub).decode(),
        }
        optional = {"maxExpirationSeconds": "maxExpirationSeconds", "userAnnotations": "unverifiedUserAnnotations"}
        spec |= {name: source[given] for given, name in optional.items() if source.get(given)}
        reference = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
        body = {
            "apiVersion": REQUEST.api_version,
            "kind": REQUEST.name,
            "metadata": {"generateName": "req-", "ownerReferences": [reference]},
            "spec": spec,
        }
        made = await self._client.create(REQUEST, body, meta["namespace"])
        return Asked(made["metadata"]["name"], proven.key, self._clock.now())

    async def _hear(self, pod: Object, held: _Held, asked: Asked) -> None:
        """What has become of a request; the first one is waited for, while a renewal may take its time."""
        await self._requests.synced()
        key = Key(pod["metadata"]["namespace"], asked.name)
        if held.projection.issued is None:
            await self._answered(key)
        self._say(pod, held.projection.hear(self._requests.get(key), self._clock.now(), held.jitter))

    async def _answered(self, key: Key) -> None:
        done = asyncio.Event()

        def changed(old: Object | None, new: Object | None) -> None:
            if new and key_of(new) == key and (new.get("status") or {}).get("conditions"):
                done.set()

        stop = self._requests.on_change(changed)
        try:
            await first_of(done.wait(), self._clock.sleep(_WAIT))
        finally:
            stop()

    def _say(self, pod: Object, told: Told | None) -> None:
        if told:
            self._tell(pod, "Warning", told.reason, told.message)
