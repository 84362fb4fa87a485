"""What users do while controllers and scheduler are killed, what must hold all the time, and what must have come of it.

Each story is one workload of its own name: made, changed at random moments, looked at in the end and deleted.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from sampan.controllers.job.pods import index_of, is_tracked
from sampan.controllers.pods import is_active, is_ready, phase_of
from sampan.kinds.apps.daemon_set import KIND as DAEMON_SET
from sampan.kinds.apps.deployment import KIND as DEPLOYMENT
from sampan.kinds.apps.replica_set import KIND as REPLICA_SET
from sampan.kinds.apps.stateful_set import KIND as STATEFUL_SET
from sampan.kinds.batch.job import KIND as JOB
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.replication_controller import KIND as REPLICATION_CONTROLLER
from sampan.kinds.policy.pod_disruption_budget import KIND as BUDGET
from sampan.kubelet.simulated.script import PREFIX
from sampan.machinery.errors import NotFound, TooManyRequests
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, controller_of, is_deleting, labels_of
from tests.chaos.world import World
from tests.controllers.cluster import NS

Story = Callable[[World, str], Awaitable[None]]


def template(app: str, version: int = 0, *, restart: str = "Always", **notes: str) -> Object:
    """A pod template; `notes` say how its pods behave on simulated nodes."""
    container = {"name": "main", "image": f"app:{version}"}
    return {
        "metadata": {"labels": {"app": app}, "annotations": {PREFIX + name: text for name, text in notes.items()}},
        "spec": {"containers": [container], "restartPolicy": restart, "terminationGracePeriodSeconds": 3},
    }


def spec_of(app: str, **spec: Any) -> Object:
    return {"selector": {"matchLabels": {"app": app}}, "template": template(app), **spec}


def active(pods: list[Object]) -> list[Object]:
    return [pod for pod in pods if is_active(pod)]


async def pause(world: World, most: float) -> None:
    await world.clock.sleep(world.chance.uniform(0, most))


async def end(world: World, kind: Kind, name: str) -> None:
    """Delete it; all that it had goes with it."""
    await world.client.delete(kind, name, NS, propagation=world.chance.choice(("Background", "Foreground")))
    await world.reached(kind, name, lambda one: one is None)
    await no_pods(world, name)


async def no_pods(world: World, app: str) -> None:
    while world.pods_of(app):
        await world.clock.sleep(1)


def settled(wanted: int) -> Callable[[Object | None], bool]:
    """Whether a Deployment or its like is done: everything new, ready, and no more than that."""

    def holds(one: Object | None) -> bool:
        if one is None or one["status"].get("observedGeneration") != one["metadata"]["generation"]:
            return False
        status, counts = one["status"], ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        return all(status.get(name, 0) == wanted for name in counts)

    return holds


def images(world: World, app: str) -> list[str]:
    return [pod["spec"]["containers"][0]["image"] for pod in active(world.pods_of(app))]


def check_images(world: World, app: str, wanted: int, version: int) -> None:
    assert images(world, app) == [f"app:{version}"] * wanted, f"{app}: {images(world, app)}, not {wanted} of {version}"


def rounded(share: Any, of: int, *, up: bool) -> int:
    if isinstance(share, int):
        return share
    part = int(share[:-1]) * of
    return -(-part // 100) if up else part // 100


async def rollout(world: World, app: str) -> None:
    """Never more pods than maxSurge allows, nor fewer ready ones than maxUnavailable leaves."""
    chance = world.chance
    replicas, version, scales = chance.randint(1, 6), 0, chance.random() < 0.3
    surge, unavailable = chance.choice(((1, 0), (0, 1), (2, 1), (1, 1), ("25%", "25%"), ("50%", 0)))
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    most, least = replicas, 0
    highest: dict[str, int] = {}  # ReplicaSet -> the most pods that it was ever to have

    crowds: Counter[str] = Counter()  # ReplicaSet -> the most pods that it ever had

    def rule(pods: list[Object]) -> None:
        """Upstream's promise is about what ReplicaSets are told: of one that shrinks, pods may linger for a moment."""
        sets = world.sets_of(app)
        for one in sets:
            uid = one["metadata"]["uid"]
            highest[uid] = max(int(one["spec"]["replicas"]), highest.get(uid, 0))
        there = sum(one["spec"]["replicas"] for one in sets)
        assert there <= most + rounded(surge, most, up=True), f"{app}: {there} pods of {most}, {surge} more at most"
        now = Counter(owner.uid for pod in active(pods) if (owner := controller_of(pod)))
        crowds.update({uid: number - crowds[uid] for uid, number in now.items() if number > crowds[uid]})
        ready = sum(map(is_ready, active(pods)))
        assert ready >= least, f"{app}: {ready} pods ready, which should be {least}"

    world.rules[app] = rule
    await world.create(
        DEPLOYMENT, {"metadata": {"name": app}, "spec": spec_of(app, replicas=replicas, strategy=strategy)}
    )
    if chance.random() < 0.6:
        await world.reached(DEPLOYMENT, app, settled(replicas))
        could = rounded(unavailable, replicas, up=False)
        least = 0 if scales else replicas - (could or int(not rounded(surge, replicas, up=True)))
    for _ in range(chance.randint(1, 3)):
        await pause(world, 8)
        if scales and chance.random() < 0.5:
            replicas = chance.randint(1, 6)
            most = max(most, replicas)
            await world.patch(DEPLOYMENT, app, {"spec": {"replicas": replicas}})
        else:
            version = chance.randint(0, 2)  # back to an old one, perhaps
            await world.patch(DEPLOYMENT, app, {"spec": {"template": template(app, version)}})
    await world.reached(DEPLOYMENT, app, settled(replicas))
    await world.clock.sleep(5)
    assert all(number <= highest[uid] for uid, number in crowds.items()), f"{app}: {crowds} pods, wanted {highest}"
    check_images(world, app, replicas, version)
    del world.rules[app]
    await end(world, DEPLOYMENT, app)


async def indexed_job(world: World, app: str) -> None:
    """No index is completed twice."""
    await job(world, app, "Indexed")


async def plain_job(world: World, app: str) -> None:
    """As many pods succeed as were wanted."""
    await job(world, app, "NonIndexed")


async def job(world: World, app: str, mode: str) -> None:
    chance = world.chance
    completions, parallelism = chance.randint(2, 8), chance.randint(1, 4)
    most = parallelism
    succeeded: dict[str, int | None] = {}  # the pods, which may be deleted since, and their indexes

    def rule(pods: list[Object]) -> None:
        assert len(active(pods)) <= most, f"{app}: {len(active(pods))} pods, {most} in parallel"
        succeeded.update({pod["metadata"]["uid"]: index_of(pod) for pod in pods if phase_of(pod) == "Succeeded"})
        assert len(succeeded) <= completions, f"{app}: {len(succeeded)} of {completions} completions"
        twice = [index for index, times in Counter(succeeded.values()).items() if times > 1 and index is not None]
        assert not twice, f"{app}: {twice} completed twice"

    world.rules[app] = rule
    spec: Object = {"completions": completions, "parallelism": parallelism, "completionMode": mode}
    spec |= {"backoffLimit": 100, "podReplacementPolicy": "Failed"}
    if mode == "Indexed" and chance.random() < 0.5:
        spec["backoffLimitPerIndex"] = 5
    crashes = {"crashes": "1"} if chance.random() < 0.3 else {}
    spec["template"] = template(app, restart=chance.choice(("Never", "OnFailure")) if not crashes else "OnFailure")
    spec["template"]["metadata"]["annotations"] = {PREFIX + "complete": "1-8"} | {
        PREFIX + k: v for k, v in crashes.items()
    }
    await world.create(JOB, {"metadata": {"name": app}, "spec": spec})
    for _ in range(chance.randint(0, 3)):
        await pause(world, 8)
        running = active(world.pods_of(app))
        if chance.random() < 0.4:
            parallelism = chance.randint(1, 4)
            most = max(most, parallelism)
            await world.patch(JOB, app, {"spec": {"parallelism": parallelism}})
        elif running:
            with suppress(NotFound):
                await world.client.delete(POD, chance.choice(running)["metadata"]["name"], NS)

    def complete(one: Object | None) -> bool:
        if one is None:  # not seen yet
            return False
        found = {c["type"] for c in one["status"].get("conditions") or () if c["status"] == "True"}
        assert "Failed" not in found, one["status"]
        return "Complete" in found

    await world.reached(JOB, app, complete)
    status = (await world.client.get(JOB, app, NS))["status"]
    assert status["succeeded"] == completions, status
    if mode == "Indexed":
        assert status["completedIndexes"] == (f"0-{completions - 1}"), status
    while any(map(is_tracked, world.pods_of(app))):
        await world.clock.sleep(1)
    assert len(succeeded) == completions
    del world.rules[app]
    await end(world, JOB, app)


async def evictions(world: World, app: str) -> None:
    """No budget is broken by an eviction."""
    chance = world.chance
    replicas = chance.randint(2, 6)
    budget, least = chance.choice(
        (
            ({"minAvailable": replicas - 1}, replicas - 1),
            ({"maxUnavailable": 1}, replicas - 1),
            ({"minAvailable": "50%"}, -(-replicas // 2)),
            ({"maxUnavailable": 2}, replicas - 2),
        )
    )
    kind = chance.choice((DEPLOYMENT, REPLICA_SET, STATEFUL_SET))
    await world.create(
        kind, {"metadata": {"name": app}, "spec": spec_of(app, replicas=replicas, **governed(kind, app))}
    )
    spec = {"selector": {"matchLabels": {"app": app}}, **budget}
    await world.create(BUDGET, {"metadata": {"name": app}, "spec": spec})
    await world.reached(BUDGET, app, lambda one: one is not None and one["status"].get("currentHealthy") == replicas)
    evicted = 0
    for _ in range(8):
        await pause(world, 3)
        if ready := [pod for pod in active(world.pods_of(app)) if is_ready(pod)]:
            evicted += await evict(world, chance.choice(ready), least)
    assert evicted, "none at all?"
    await world.reached(kind, app, lambda one: one is not None and one["status"].get("readyReplicas") == replicas)
    await world.reached(BUDGET, app, lambda one: one is not None and one["status"].get("currentHealthy") == replicas)
    await world.client.delete(BUDGET, app, NS)
    await end(world, kind, app)


async def evict(world: World, pod: Object, least: int) -> bool:
    """Ask for an eviction; where it is granted, enough pods are left."""
    meta = pod["metadata"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": meta["name"], "namespace": NS}}
    try:
        await world.client.create(POD, body, NS, subresource="eviction")
    except (TooManyRequests, NotFound):
        return False
    app = meta["labels"]["app"]
    left = [one for one in (await world.client.list(POD, NS)).items if one["metadata"]["labels"]["app"] == app]
    healthy = sum(is_ready(one) for one in left if not is_deleting(one))
    assert healthy >= least, f"{app}: an eviction left {healthy} healthy pods, not {least}"
    return True


def governed(kind: Kind, app: str) -> Object:
    return {"serviceName": app} if kind is STATEFUL_SET else {}


async def deletion(world: World, app: str) -> None:
    """What is deleted in the middle of its making is gone, or lets go of its pods where it is to."""
    chance = world.chance
    kind = chance.choice((DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET, REPLICATION_CONTROLLER, JOB))
    policy = chance.choice(("Background", "Foreground", "Orphan"))
    if kind is JOB:
        spec: Object = {"parallelism": 3, "completions": 3, "template": template(app, restart="Never", complete="20")}
    elif kind is DAEMON_SET:
        spec = spec_of(app)
    else:
        spec = spec_of(app, replicas=chance.randint(1, 6), **governed(kind, app))
    if kind is REPLICATION_CONTROLLER:
        spec["selector"] = {"app": app}
    await world.create(kind, {"metadata": {"name": app}, "spec": spec})
    await pause(world, 4)
    await world.client.delete(kind, app, NS, propagation=policy)
    await world.reached(kind, app, lambda one: one is None)
    await world.clock.sleep(5)
    if policy == "Orphan":
        owned = [pod for pod in world.pods_of(app) if (owner := controller_of(pod)) and owner.kind == kind.name]
        assert not owned, f"{app}: {len(owned)} pods of a {kind.name} that let go of them"
        await clear(world, app)
    await no_pods(world, app)


async def clear(world: World, app: str) -> None:
    """Delete what was left behind."""
    for kind in (REPLICA_SET, POD):
        for one in (await world.client.list(kind, NS)).items:
            if labels_of(one).get("app") == app:
                with suppress(NotFound):
                    await world.client.delete(kind, one["metadata"]["name"], NS)


async def daemon(world: World, app: str) -> None:
    """One pod on each node, and never two."""

    def rule(pods: list[Object]) -> None:
        nodes = Counter(pod["spec"]["nodeName"] for pod in active(pods) if pod["spec"].get("nodeName"))
        assert all(number == 1 for number in nodes.values()), f"{app}: {nodes}"

    world.rules[app] = rule
    await world.create(DAEMON_SET, {"metadata": {"name": app}, "spec": spec_of(app)})
    version = 0
    for _ in range(world.chance.randint(1, 3)):
        await pause(world, 5)
        if (running := active(world.pods_of(app))) and world.chance.random() < 0.5:
            with suppress(NotFound):
                await world.client.delete(POD, world.chance.choice(running)["metadata"]["name"], NS)
        else:
            version += 1
            await world.patch(DAEMON_SET, app, {"spec": {"template": template(app, version)}})

    def rolled_out(one: Object | None) -> bool:
        if one is None:
            return False
        status = one["status"]
        counts = (status.get("updatedNumberScheduled"), status.get("numberAvailable"), status["currentNumberScheduled"])
        return status.get("observedGeneration") == one["metadata"]["generation"] and counts == (3, 3, 3)

    await world.reached(DAEMON_SET, app, rolled_out)
    while images(world, app) != [f"app:{version}"] * 3:  # what was deleted last may not have been noticed yet
        await world.clock.sleep(1)
    await world.reached(DAEMON_SET, app, rolled_out)
    del world.rules[app]
    await end(world, DAEMON_SET, app)


async def stateful(world: World, app: str) -> None:
    """In order: no pod is made before those of lower ordinals are ready."""
    chance = world.chance
    replicas, version = chance.randint(1, 4), 0
    spec = spec_of(app, replicas=replicas, serviceName=app)
    await world.create(STATEFUL_SET, {"metadata": {"name": app}, "spec": spec})
    for _ in range(chance.randint(1, 3)):
        await pause(world, 6)
        if chance.random() < 0.5:
            replicas = chance.randint(1, 4)
            await world.patch(STATEFUL_SET, app, {"spec": {"replicas": replicas}})
        else:
            version += 1
            await world.patch(STATEFUL_SET, app, {"spec": {"template": template(app, version)}})
    await world.reached(STATEFUL_SET, app, settled(replicas))
    await world.clock.sleep(3)
    check_images(world, app, replicas, version)
    assert sorted(pod["metadata"]["name"] for pod in world.pods_of(app)) == [f"{app}-{n}" for n in range(replicas)]
    await end(world, STATEFUL_SET, app)


ALL: tuple[Story, ...] = (rollout, rollout, indexed_job, plain_job, evictions, deletion, deletion, daemon, stateful)
