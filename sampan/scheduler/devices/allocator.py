"""Picks devices for the claims of a pod on a node: every claim gets all that it asks for, or none gets anything.

The first solution counts, in upstream's order: claims, their requests, the choices of a request, devices in the order
of pools and slices. That is a search that may take exponential time, so it has a budget of steps, after which it gives
up. It keeps its own stack, as a pod may have more claims than Python has frames. Pure; results.py writes down what is
found. Upstream: dynamic-resource-allocation structured (Allocate).
"""

from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sampan.scheduler.devices.asking import MOST_RESULTS, AllocationError, Asked, Claim, tolerates
from sampan.scheduler.devices.constraints import Constraint, constraints_of
from sampan.scheduler.devices.pools import INCOMPLETE, Counters, Device, DeviceId, NodeFields, Pool, PoolId

Matches = Callable[[Asked, Device], bool]
_HARD = ("NoSchedule", "NoExecute")


class OutOfBudget(Exception):
    """The search takes too long."""


class Budget:
    """Steps that may still be made, over any number of searches; a step is some microseconds."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Raises OutOfBudget."""
        self.left -= steps
        if self.left < 0:
            raise OutOfBudget


class Chosen(NamedTuple):
    """A device, and for which request."""

    asked: Asked
    device: Device


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is: all pools that a node may reach, and the devices that somebody has already."""

    pools: Sequence[Pool]
    taken: Container[DeviceId]
    matches: Matches


class _Position(NamedTuple):
    """What comes next: which device of which request (as which of its choices), and where to look from."""

    claim: int
    request: int = 0
    choice: int = -1
    device: int = 0
    start: int = 0


class _Found(Exception):
    pass


def allocate(claims: Sequence[Claim], node: NodeFields, offer: Offer, budget: Budget) -> list[list[Chosen]] | None:
    """What each claim gets; None where they can't all be satisfied. Raises AllocationError, OutOfBudget."""
    search = _Search(claims, node, offer, budget)
    if search.run():
        return search.chosen
    if any(pool.problem and pool.problem != INCOMPLETE for pool in search.pools):
        raise InvalidPools
    return None


class InvalidPools(Exception):
    """Nothing was found, and some pools could not be looked at; there may be something on other nodes."""

    def __str__(self) -> str:
        return "invalid resource pools were encountered"


@dataclass
class _Search:
    claims: Sequence[Claim]
    node: NodeFields
    offer: Offer
    budget: Budget
    chosen: list[list[Chosen]] = field(init=False)

    def __post_init__(self) -> None:
        self.chosen = [[] for _ in self.claims]
        self.pools: list[Pool] = []
        self._devices: list[Device] = []
        self._reach()
        self._constraints = [self._constraints_of(claim) for claim in self.claims]
        self._users: dict[DeviceId, Counter[int]] = {}  # claims that a device has been chosen for
        self._consumed: Counter[tuple[PoolId, tuple[str, str]]] = Counter()
        self._free: dict[PoolId, Counters] = {}
        self._candidates: dict[Hashable, list[Device]] = {}
        self._check_counts()

    def run(self) -> bool:
        """Whether everything has been found."""
        stack = [self._ways(_Position(0))]
        try:
            while stack:
                following = next(stack[-1], None)
                if following is None:
                    stack.pop()
                else:
                    stack.append(self._ways(following))
        except _Found:
            return True
        return False

    def _reach(self) -> None:
        for pool in self.offer.pools:
            self.budget.spend(1 + sum(len(one.devices) if one.per_device else 1 for one in pool.slices) // 4)
            if any(one.reached(self.node) for one in pool.slices):
                self.pools.append(pool)
                if not pool.problem:
                    self._devices += pool.reached(self.node)

    def _constraints_of(self, claim: Claim) -> list[Constraint]:
        return constraints_of(claim.name, (claim.object["spec"].get("devices") or {}).get("constraints") or ())

    def _check_counts(self) -> None:
        """A claim that wants more than it can hold is refused without a search."""
        for index, claim in enumerate(self.claims):
            total = 0
            for choices in claim.requests:
                least = min((self._count(index, asked) for asked in choices), default=0)
                if least > MOST_RESULTS - total:
                    raise AllocationError(
                        f"claim {claim.name}, request {choices[0].names[0]}: adding {least} devices exceeds the claim"
                        f" limit of {MOST_RESULTS}, with {total} already accounted for"
                    )
                total += least

    def _count(self, claim: int, asked: Asked) -> int:
        if not asked.wants_all:
            return asked.count
        for pool in self.pools:
            if pool.problem:
                raise AllocationError(
                    f"claim {self.claims[claim].name}, request {asked.short}: asks for all devices, but resource pool"
                    f" {pool.id} is currently {pool.problem}"
                )
        return len(self._wanted(asked))

    def _wanted(self, asked: Asked) -> list[Device]:
        """The devices that a request could do with, whoever has them."""
        found = self._candidates.get(asked.wish)
        if found is None:
            self.budget.spend(1 + len(self._devices) * (1 + len(asked.selectors)) // 2)
            matching = [device for device in self._devices if self.offer.matches(asked, device)]
            found = self._candidates[asked.wish] = matching
            if not asked.wants_all:
                found[:] = [device for device in matching if self._can_be_had(device, asked)]
        return found

    def _can_be_had(self, device: Device, asked: Asked) -> bool:
        """Whether nothing speaks against a device that the search could change."""
        if is_beyond_us(device) or not (asked.admin or device.id not in self.offer.taken):
            return False
        return not any(taint["effect"] in _HARD and not tolerates(asked.tolerations, taint) for taint in device.taints)

    # The search: each generator yields what may follow a position, and takes back what it did when it goes on

    def _ways(self, at: _Position) -> Iterator[_Position]:
        if at.claim == len(self.claims):
            raise _Found
        requests = self.claims[at.claim].requests
        if at.request == len(requests):
            yield _Position(at.claim + 1)
        elif at.choice < 0:
            for choice in range(len(requests[at.request])):
                self.budget.spend(1)
                yield at._replace(choice=choice)
        else:
            yield from self._devices_for(at, requests[at.request][at.choice])

    def _devices_for(self, at: _Position, asked: Asked) -> Iterator[_Position]:
        wanted = self._wanted(asked)
        count = len(wanted) if asked.wants_all else asked.count
        if at.device >= count:
            if wanted or not asked.wants_all:  # "all" of nothing is not enough
                yield _Position(at.claim, at.request + 1)
            return
        missing = count - at.device
        if missing > MOST_RESULTS - len(self.chosen[at.claim]):
            return
        last = at.start + 1 if asked.wants_all else len(wanted) - missing + 1
        for index in range(at.start, last):
            device = wanted[index]
            if self._take(at.claim, asked, device):
                yield at._replace(device=at.device + 1, start=index + 1)
                self._give_back(at.claim)

    def _take(self, claim: int, asked: Asked, device: Device) -> bool:
        constraints = self._constraints[claim]
        self.budget.spend(1 + len(constraints) + len(device.consumes))
        users = self._users.get(device.id)
        if users and (claim in users or not asked.admin):
            return False
        if asked.wants_all and not self._can_be_had(device, asked):
            return False
        if not self._consume(device):
            return False
        for number, constraint in enumerate(constraints):
            if not constraint.add(asked, device):
                for added in constraints[:number]:
                    added.remove(asked, device)
                self._count_out(device)
                if asked.wants_all:
                    raise AllocationError(
                        f"claim {self.claims[claim].name}, request {asked.short}: cannot add device {device.id} because"
                        " a claim constraint would not be satisfied"
                    )
                return False
        self._users.setdefault(device.id, Counter())[claim] += 1
        self.chosen[claim].append(Chosen(asked, device))
        return True

    def _give_back(self, claim: int) -> None:
        asked, device = self.chosen[claim].pop()
        users = self._users[device.id]
        del users[claim]
        for constraint in self._constraints[claim]:
            constraint.remove(asked, device)
        self._count_out(device)

    # Counters that the devices of a pool share

    def _consume(self, device: Device) -> bool:
        if not device.consumes:
            return True
        pool = PoolId(device.id.driver, device.id.pool)
        free = self._free_of(pool)
        for counter, amount in device.consumes.items():
            self._consumed[pool, counter] += amount
        if all(self._consumed[pool, counter] <= free[counter] for counter in device.consumes):
            return True
        self._count_out(device)
        return False

    def _count_out(self, device: Device) -> None:
        pool = PoolId(device.id.driver, device.id.pool)
        for counter, amount in device.consumes.items():
            self._consumed[pool, counter] -= amount

    def _free_of(self, identity: PoolId) -> Counters:
        """What is left of a pool's counters, beside what has been chosen here."""
        if identity not in self._free:
            pool = next(pool for pool in self.pools if pool.id == identity)
            self.budget.spend(len(pool.devices) // 4)
            free = Counter(pool.counters)
            for device in pool.devices:
                if device.consumes and device.id in self.offer.taken:
                    free.subtract(device.consumes)
            self._free[identity] = free
        return self._free[identity]


def is_beyond_us(device: Device) -> bool:
    """Whether a device needs what this scheduler does not do: sharing its capacity, or conditions before binding."""
    return bool(device.object.get("allowMultipleAllocations") or device.object.get("bindingConditions"))
