"""Follows claims, devices, rules and pods, and carries out what the other files decide."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import StrEnum

from sampan.controllers.device_taint_eviction import rule_status, taints
from sampan.controllers.device_taint_eviction.eviction import Eviction, devices, pod_eviction
from sampan.controllers.device_taint_eviction.rule_status import PERIOD, Counts
from sampan.controllers.pod_disruption import disruption, tell
from sampan.controllers.resource_claim import pods
from sampan.controllers.resource_claim.releasing import pods_of
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.resource.device_taint_rule import KIND as RULE
from sampan.kinds.resource.resource_claim import KIND as CLAIM
from sampan.kinds.resource.resource_slice import KIND as SLICE
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, is_deleting, key_of
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.events import NORMAL

_BY_POOL = "pools of devices"
_WITH_CLAIMS, _YES = "with resource claims", "yes"


class _What(StrEnum):
    """What a key is about; names have no colons."""

    POD = "pod:"
    RULE = "rule:"


class DeviceTaintEviction(Controller):
    """Keys are pods and rules."""

    name = "device-taint-eviction-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._going: dict[Key, str] = {}  # pods whose eviction has been announced to us, with their uids
        self._evicted: Counter[str] = Counter()  # by the uids of rules
        self.claims = self.watch(CLAIM, _consumers)
        self.claims.add_index(_BY_POOL, lambda claim: map(taints.pool_of, devices(claim)))
        self.slices = self.watch(SLICE, self._users_of_pool)
        self.slices.add_index(_BY_POOL, lambda one: [taints.pool_of(one["spec"])])
        self.rules = self.watch(RULE, self._of_rule, matters=lambda old, new: old["spec"] != new["spec"])
        self.pods = self.watch(POD, lambda pod: [_pod(key_of(pod))] if pods.has_claims(pod) else (), matters=_matters)
        self.pods.add_index(_WITH_CLAIMS, lambda pod: [_YES] if pods.has_claims(pod) else [])

    def _users_of_pool(self, one: Object) -> Iterator[Key]:
        for claim in self.claims.by(_BY_POOL, taints.pool_of(one["spec"])):
            yield from _consumers(claim)

    def _of_rule(self, rule: Object) -> Iterator[Key]:
        """The rule itself first, to be told what there is to do before it is done."""
        yield Key("", _What.RULE + rule["metadata"]["name"])
        for claim in self.claims.items():
            if any(taints.selects(rule, device) for device in devices(claim)):
                yield from _consumers(claim)

    async def reconcile(self, key: Key) -> Action:
        if key.name.startswith(_What.RULE):
            return await self._tell_rule(Key("", key.name.removeprefix(_What.RULE)))
        return await self._reconcile_pod(Key(key.namespace, key.name.removeprefix(_What.POD)))

    # Pods

    async def _reconcile_pod(self, key: Key) -> Action:
        pod = self.pods.get(key)
        if pod is None or is_deleting(pod):
            self._going.pop(key, None)
            return WAIT
        eviction = self._eviction(pod, self.rules.items())
        announced = self._going.pop(key, "") == pod["metadata"]["uid"]
        if eviction is None:
            if announced:
                self.recorder.event(pod, NORMAL, "DeviceTaintManagerEviction", "Cancelling deletion")
            return WAIT
        self._going[key] = pod["metadata"]["uid"]
        left = (eviction.when - self.clock.now()).total_seconds()
        if left <= 0:
            await self._evict(pod, eviction)
        self._tell_soon(eviction)
        return after(left) if left > 0 else WAIT

    def _eviction(self, pod: Object, rules: Iterable[Object]) -> Eviction | None:
        namespace = pod["metadata"]["namespace"]
        return pod_eviction(
            pod,
            lambda name: self.claims.get(Key(namespace, name)),
            lambda device: taints.evicting(device, self.slices.by(_BY_POOL, taints.pool_of(device)), rules),
        )

    async def _evict(self, pod: Object, eviction: Eviction) -> None:
        self.recorder.event(pod, NORMAL, "DeviceTaintManagerEviction", "Marking for deletion")
        key, message = key_of(pod), "Device Taint manager: deleting due to NoExecute taint"
        with suppress(NotFound):
            told = disruption(pod, "DeletionByDeviceTaintManager", message, self.clock.now())
            await tell(self.client, pod, told)
            await self.client.delete(POD, key.name, key.namespace, uid=pod["metadata"]["uid"])
            self._evicted.update(eviction.rules)
        self._going.pop(key, None)

    def _tell_soon(self, eviction: Eviction) -> None:
        """Not at once: more of the kind may follow, and the informer may not show yet what we have done."""
        for rule in self.rules.items():
            if rule["metadata"]["uid"] in eviction.rules:
                self.queue.add_after(Key("", _What.RULE + rule["metadata"]["name"]), PERIOD)

    # Rules

    async def _tell_rule(self, key: Key) -> Action:
        rule = self.rules.get(key)
        if rule is None:
            return WAIT
        now = self.clock.now()
        if wait := rule_status.wait(rule, now):
            return after(wait)
        counts = self._count(rule)
        condition = rule_status.condition(rule, counts, now)
        if condition != rule_status.told_of(rule):
            await self._write(rule, condition)
        return after(PERIOD) if counts.pending and rule["spec"]["taint"]["effect"] == taints.NO_EXECUTE else WAIT

    def _count(self, rule: Object) -> Counts:
        """What a rule does; of one without an effect, what it would."""
        uid, effect = rule["metadata"]["uid"], rule["spec"]["taint"]["effect"]
        if effect not in ("None", taints.NO_EXECUTE):
            return Counts(evicted=self._evicted[uid])
        spec = rule["spec"]
        acting = {**rule, "spec": {**spec, "taint": {**spec["taint"], "effect": taints.NO_EXECUTE}}}
        pending = [pod["metadata"]["namespace"] for pod in self._pods() if self._is_driven_by(acting, pod)]
        if effect == taints.NO_EXECUTE:
            return Counts(pending, evicted=self._evicted[uid])
        return Counts(pending, self._published(rule), self._allocated(rule), self._evicted[uid])

    def _pods(self) -> Iterator[Object]:
        return (pod for pod in self.pods.by(_WITH_CLAIMS, _YES) if not is_deleting(pod))

    def _is_driven_by(self, rule: Object, pod: Object) -> bool:
        eviction = self._eviction(pod, [rule])
        return eviction is not None and rule["metadata"]["uid"] in eviction.rules

    def _published(self, rule: Object) -> int:
        pools: dict[str, list[Object]] = {}
        for one in self.slices.items():
            pools.setdefault(taints.pool_of(one["spec"]), []).append(one)
        found = 0
        for slices in pools.values():
            place = {"driver": slices[0]["spec"]["driver"], "pool": slices[0]["spec"]["pool"]["name"]}
            found += sum(taints.selects(rule, {**place, "device": one["name"]}) for one in taints.published(slices))
        return found

    def _allocated(self, rule: Object) -> int:
        return sum(taints.selects(rule, device) for claim in self.claims.items() for device in devices(claim))

    async def _write(self, rule: Object, condition: Object) -> None:
        meta = {"name": rule["metadata"]["name"], "uid": rule["metadata"]["uid"]}
        body = {"apiVersion": RULE.api_version, "kind": RULE.name, "metadata": meta}
        await self.client.apply(RULE, {**body, "status": {"conditions": [condition]}}, self.name, subresource="status")


def _pod(key: Key) -> Key:
    return Key(key.namespace, _What.POD + key.name)


def _consumers(claim: Object) -> Iterator[Key]:
    """The pods that a claim is reserved for."""
    for one in pods_of(claim):
        yield _pod(Key(claim["metadata"]["namespace"], one["name"]))


def _matters(old: Object, new: Object) -> bool:
    """Not that it is told why it is being deleted."""
    return _facts(old) != _facts(new)


def _facts(pod: Object) -> tuple[object, ...]:
    return pod["spec"].get("nodeName"), is_deleting(pod), *pods.named(pod)
