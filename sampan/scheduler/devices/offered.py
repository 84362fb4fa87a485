"""The devices that drivers offer, with the taints that rules give them, as pools by node. Fed by store.py."""

from collections import Counter
from collections.abc import Iterable, Iterator

from sampan.machinery.meta import Object
from sampan.scheduler.devices.pools import Device, Pool, PoolId, Slice, pool_of


class Offered:
    """All ResourceSlices and DeviceTaintRules; a pool is made anew when it is asked for after a change."""

    def __init__(self) -> None:
        self._rules: dict[str, Object] = {}
        self._parts: dict[PoolId, dict[str, Slice]] = {}
        self._pools: dict[PoolId, Pool] = {}  # those that have been asked for since they changed
        self._local: dict[str, Counter[PoolId]] = {}  # by the node that slices name
        self._shared: Counter[PoolId] = Counter()  # of which some slices name no node
        self.version = 0  # of all that pools are made of

    def pools_for(self, node: str) -> list[Pool]:
        """The pools that a node may reach, in upstream's order."""
        found = {**self._shared, **self._local.get(node, {})}
        return [self._pool(identity) for identity in sorted(found)]

    def all_devices(self) -> list[Device]:
        """Those of all pools that may be taken from."""
        pools = [self._pool(identity) for identity in self._parts]
        return [device for pool in pools if not pool.problem for device in pool.devices]

    def _pool(self, identity: PoolId) -> Pool:
        found = self._pools.get(identity)
        if found is None:
            found = self._pools[identity] = pool_of(identity, self._parts[identity].values())
        return found

    # What changes

    def put_slice(self, old: Object | None, new: Object | None) -> None:
        """A slice in place of another."""
        if old is not None:
            self._remove(old)
        if new is not None:
            self._add(new)

    def put_rule(self, old: Object | None, new: Object | None) -> None:
        """A rule in place of another: the slices that either may be about are read again."""
        rules = [rule for rule in (old, new) if rule is not None]
        self._rules |= {rule["metadata"]["name"]: rule for rule in rules}
        if new is None and old is not None:
            del self._rules[old["metadata"]["name"]]
        slices = [one.object for parts in self._parts.values() for one in parts.values()]
        for slice_ in slices:
            if any(_concerns(rule, slice_) for rule in rules):
                self.put_slice(slice_, slice_)

    def _add(self, slice_: Object) -> None:
        identity, node = _pool_id(slice_), slice_["spec"].get("nodeName")
        self._parts.setdefault(identity, {})[slice_["metadata"]["name"]] = self._read(slice_)
        (self._local.setdefault(node, Counter()) if node else self._shared)[identity] += 1
        self._pools.pop(identity, None)
        self.version += 1

    def _remove(self, slice_: Object) -> None:
        identity, node = _pool_id(slice_), slice_["spec"].get("nodeName")
        parts, users = self._parts[identity], self._local[node] if node else self._shared
        del parts[slice_["metadata"]["name"]]
        users[identity] -= 1
        if not users[identity]:
            del users[identity]
        if node and not users:
            del self._local[node]
        if not parts:
            del self._parts[identity]
        self._pools.pop(identity, None)
        self.version += 1

    def _read(self, slice_: Object) -> Slice:
        rules = [rule for rule in self._rules.values() if _concerns(rule, slice_)]
        devices = slice_["spec"].get("devices") or ()
        return Slice(slice_, [Device(slice_, one, _taints(rules, one["name"])) for one in devices])


def _pool_id(slice_: Object) -> PoolId:
    return PoolId(slice_["spec"]["driver"], slice_["spec"]["pool"]["name"])


def _concerns(rule: Object, slice_: Object) -> bool:
    """Whether a rule may be about devices of a slice; one without a selector is about none."""
    selector = rule["spec"].get("deviceSelector")
    return selector is not None and all(
        selector.get(field) in (None, value) for field, value in zip(("driver", "pool"), _pool_id(slice_), strict=True)
    )


def _taints(rules: Iterable[Object], device: str) -> Iterator[Object]:
    for rule in rules:
        if rule["spec"]["deviceSelector"].get("device") in (None, device):
            yield rule["spec"]["taint"]
