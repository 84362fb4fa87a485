"""One namespace that wants as many pods as there are numbers, beside one that wants five."""

from sampan.controllers.config import Config
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.replication_controller import KIND as RC
from sampan.machinery.meta import Object
from tests.controllers.cluster import NS, ROOT_CA, control_plane

FLOOD = "flood"
OWNERS = 12  # more than a controller has workers


def controller(name: str, namespace: str, replicas: int) -> Object:
    """A ReplicationController."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "a"}]}}
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": labels, "template": template},
    }


async def test_a_flood_keeps_to_the_rate_and_holds_nobody_up() -> None:
    async with control_plane(Config(root_ca=ROOT_CA, kube_api_qps=20, kube_api_burst=50)) as cluster:
        await cluster.create(NAMESPACE, {"metadata": {"name": FLOOD}})
        for number in range(OWNERS):
            await cluster.create(RC, controller(f"flood-{number}", FLOOD, 2**31 - 1))
        await cluster.until(POD, lambda pods: len(pods) >= 30, FLOOD)
        await cluster.clock.advance(10)
        began = cluster.clock.monotonic()
        await cluster.create(RC, controller("modest", NS, 5))
        await cluster.pods(lambda pods: len(pods) == 5)
        assert cluster.clock.monotonic() - began < 3, "every second request may be its own"
        await cluster.clock.advance(30)
        made = (await cluster.client.list(POD, FLOOD)).items
        assert 400 < len(made) < 50 + 20 * (cluster.clock.monotonic() + 1)
