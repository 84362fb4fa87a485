"""Follows pods, claims and templates, and carries out what the other files decide."""

from contextlib import suppress
from enum import StrEnum

from sampan.controllers.own_writes import OWN_WRITES_UNSEEN, OwnWrites
from sampan.controllers.resource_claim import making, pods, releasing
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.resource.names import CLAIM_FINALIZER
from sampan.kinds.resource.resource_claim import KIND as CLAIM
from sampan.kinds.resource.resource_claim_template import KIND as TEMPLATE
from sampan.machinery.errors import APIError, NotFound
from sampan.machinery.meta import Key, Object, is_deleting, key_of
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.events import WARNING
from sampan.reconcile.queue import HIGH, LOW

_MANAGER = "ResourceClaimController"
_BY_CLAIM, _BY_TEMPLATE, _BY_OWNER = "resource claims", "resource claim templates", "resource claims of pods"


class _What(StrEnum):
    """What a key is about; names have no colons."""

    POD = "pod:"
    CLAIM = "claim:"


def _as(what: _What, key: Key) -> Key:
    return Key(key.namespace, what + key.name)


class ResourceClaimController(Controller):
    """Keys are pods and claims."""

    name = "resourceclaim-controller"
    component = "resource_claim"
    account = "resource-claim-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.claims = self.watch(CLAIM, None)
        self.claims.add_index(_BY_OWNER, _owner_index)
        self.made = OwnWrites(self.claims)
        self.templates = self.watch(TEMPLATE, None)
        self.pods = self.watch(POD, None)
        self.pods.add_index(_BY_CLAIM, lambda pod: map(str, pods.claims(pod)))
        self.pods.add_index(_BY_TEMPLATE, lambda pod: map(str, pods.templates(pod)))
        self.claims.on_change(self._claim_changed)
        self.templates.on_change(self._template_changed)
        self.pods.on_change(self._pod_changed)

    # What changes concern

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        pod, priority = new or old or {}, LOW if self.pods.relisting else HIGH
        if not pods.has_claims(pod):
            return
        if new is None or pods.is_done(new):
            for claim in pods.claims(pod):
                self.queue.add(_as(_What.CLAIM, claim), priority)
        self.queue.add(_as(_What.POD, key_of(pod)), priority)

    def _claim_changed(self, old: Object | None, new: Object | None) -> None:
        claim, priority = key_of(new or old or {}), LOW if self.claims.relisting else HIGH
        self.queue.add(_as(_What.CLAIM, claim), priority)
        for pod in self.pods.by(_BY_CLAIM, str(claim)):
            self.queue.add(_as(_What.POD, key_of(pod)), priority)

    def _template_changed(self, old: Object | None, new: Object | None) -> None:
        for pod in self.pods.by(_BY_TEMPLATE, str(key_of(new or old or {}))):
            self.queue.add(_as(_What.POD, key_of(pod)))

    async def reconcile(self, key: Key) -> Action:
        if key.name.startswith(_What.POD):
            return await self._reconcile_pod(Key(key.namespace, key.name.removeprefix(_What.POD)))
        claim = self.claims.get(Key(key.namespace, key.name.removeprefix(_What.CLAIM)))
        if claim is not None:
            await self._release(claim)
        return WAIT

    # Pods

    async def _reconcile_pod(self, key: Key) -> Action:
        pod = self.pods.get(key)
        if pod is None:
            self.made.forget(key)
            return WAIT
        if not self.made.seen(key):
            return OWN_WRITES_UNSEEN
        if pods.needs_work(pod, lambda name: self.claims.get(Key(key.namespace, name))):
            await self._make_claims(pod)
            await self._reserve(pod)
        return WAIT

    async def _make_claims(self, pod: Object) -> None:
        made: dict[str, str] = {}
        for entry in pods.entries(pod):
            try:
                if name := await self._ensure(pod, entry):
                    made[entry["name"]] = name
            except APIError as error:
                message = f"PodResourceClaim {entry['name']}: {error}"
                self.recorder.event(pod, WARNING, "FailedResourceClaimCreation", message)
                raise
        if made:
            await self._tell(key_of(pod), pods.statuses(pod, made))

    async def _tell(self, pod: Key, statuses: list[Object]) -> None:
        meta, status = {"name": pod.name, "namespace": pod.namespace}, {"resourceClaimStatuses": statuses}
        body = {"apiVersion": POD.api_version, "kind": POD.name, "metadata": meta, "status": status}
        await self.client.apply(POD, body, _MANAGER, subresource="status")

    async def _ensure(self, pod: Object, entry: Object) -> str:
        """The name of a claim that the pod does not name yet; "" where there is nothing to make."""
        name = pods.name_of(pod, entry)
        if not pods.is_generated(entry) or name == "" or (name and await self._is_there(pod, name)):
            return ""
        meta = pod["metadata"]
        found = making.orphan(self.claims.by(_BY_OWNER, meta["uid"]), entry["name"])
        if found is None:
            template = self._template(Key(meta["namespace"], entry["resourceClaimTemplateName"]))
            found = await self.client.create(CLAIM, making.made_from(template, pod, entry["name"]))
            self.made.created(key_of(pod), found)
        return str(found["metadata"]["name"])

    async def _is_there(self, pod: Object, name: str) -> bool:
        """Whether the claim that a pod names is there and its own; asks the API before it is made a second time."""
        key = Key(pod["metadata"]["namespace"], name)
        try:
            return pods.owns(pod, self.claims.get(key) or await self.client.get(CLAIM, key.name, key.namespace))
        except NotFound:
            return False

    def _template(self, key: Key) -> Object:
        """Raises NotFound."""
        template = self.templates.get(key)
        if template is None:
            error = NotFound.of("resourceclaimtemplate", TEMPLATE.group, key.name)
            raise NotFound(f'resource claim template "{key.name}": {error.message}', details=error.details)
        return template

    async def _reserve(self, pod: Object) -> None:
        namespace = pod["metadata"]["namespace"]
        for claim in list(pods.to_reserve(pod, lambda name: self.claims.get(Key(namespace, name)))):
            await self.client.update(CLAIM, pods.reserved(claim, pod), subresource="status")

    # Claims

    async def _release(self, claim: Object) -> None:
        gone = {one["uid"] for one in releasing.pods_of(claim) if await self._is_gone(claim, one)}
        plan = releasing.release(claim, gone)
        if plan.status is not None:
            claim = await self.client.update(CLAIM, {**claim, "status": plan.status}, subresource="status")
        if plan.unprotect:
            meta = claim["metadata"]
            left = [name for name in meta["finalizers"] if name != CLAIM_FINALIZER]
            claim = await self.client.update(CLAIM, {**claim, "metadata": {**meta, "finalizers": left}})
        if plan.unused and not is_deleting(claim):
            await self._delete_unneeded(claim)

    async def _is_gone(self, claim: Object, consumer: Object) -> bool:
        """Whether a pod is over. One that is not known may be just new: the API must say so."""
        namespace = claim["metadata"]["namespace"]
        pod = self.pods.get(Key(namespace, consumer["name"]))
        if pod is None:
            try:
                pod = await self.client.get(POD, consumer["name"], namespace)
            except NotFound:
                return True
            return bool(pod["metadata"]["uid"] != consumer["uid"])
        return pod["metadata"]["uid"] != consumer["uid"] or pods.is_done(pod)

    async def _delete_unneeded(self, claim: Object) -> None:
        """One made for a pod that is over. Of a pod that is gone the garbage collector takes care."""
        meta, owner = claim["metadata"], releasing.owner_of(claim)
        pod = owner and self.pods.get(Key(meta["namespace"], owner[0]))
        if owner and pod and (pod["metadata"]["uid"] != owner[1] or pods.is_done(pod)):
            with suppress(NotFound):
                await self.client.delete(CLAIM, meta["name"], meta["namespace"], uid=meta["uid"])


def _owner_index(claim: Object) -> list[str]:
    owner = releasing.owner_of(claim)
    return [owner[1]] if owner else []
