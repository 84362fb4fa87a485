"""`sampan up --simulate-nodes`: what is settled, and a whole cluster as its process, killed and started again."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampan.cli import app
from sampan.cli.status import state_of
from sampan.cli.up import has_real_node, wishes_of
from sampan.client.api import Client
from sampan.client.https import HTTPSTransport
from sampan.client.kubeconfig import load
from sampan.cluster.lifecycle import LifecycleError
from sampan.cluster.process import server_pid
from sampan.cluster.settle import settle
from sampan.kinds.apps.deployment import KIND as DEPLOYMENT
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.meta import Object
from tests.cluster.place import Place, command_in

FILE = "apiVersion: simulation.sampan.internal/v1\nkind: Simulation\npods: {start: 10ms, stop: 10ms}\n"

# What is settled


def asked(homes: Path, *words: str) -> tuple[bool, object]:
    arguments = app.parser().parse_args(["up", "--kubeconfig", str(homes / "kubeconfig"), *words])
    return has_real_node(arguments), settle(wishes_of(arguments))


def test_simulated_nodes_are_remembered_and_need_no_root(homes: Path) -> None:
    real, config = asked(homes, "--simulate-nodes", "3")
    assert (real, config.control_plane_only, config.simulate_nodes) == (False, True, 3)
    real, config = asked(homes)
    assert (real, config.simulate_nodes, config.has_nodes) == (False, 3, True)
    _, config = asked(homes, "--simulate-nodes", "0")
    assert (config.simulate_nodes, config.has_nodes) == (0, False)


def test_simulated_nodes_do_not_go_with_a_real_one(homes: Path) -> None:
    assert asked(homes)[0]
    assert asked(homes, "--simulate-nodes", "0")[0], "there were none to be taken away"
    with pytest.raises(LifecycleError, match=r"(?s)has a real node.*sampan up --name NAME --simulate-nodes 3"):
        asked(homes, "--simulate-nodes", "3")


@pytest.mark.parametrize("words", [["--simulate-nodes", "10001"], ["--simulate-config", "/tmp/x"]])
def test_what_can_not_be_is_refused(homes: Path, words: list[str]) -> None:
    with pytest.raises(LifecycleError, match="--simulate-"):
        asked(homes, *words)


def test_a_file_that_is_lost_is_named_with_the_way_to_do_without(homes: Path) -> None:
    file = homes / "simulation.yaml"
    file.write_text(FILE)
    asked(homes, "--simulate-nodes", "1", "--simulate-config", str(file))
    file.unlink()
    with pytest.raises(LifecycleError) as refused:
        asked(homes)
    assert command_in(str(refused.value), file) == "sampan up --name sampan --simulate-config ''"


# As a process


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home")
    yield place
    place.end()


def until(place: Place, holds: Callable[[list[Object]], bool], replicas: int | None = None) -> list[Object]:
    """The pods, once they are as they should be; a Deployment of so many is made or scaled first."""

    async def follow() -> list[Object]:
        client = Client(HTTPSTransport(load([Path(place.environment["KUBECONFIG"])])))
        try:
            if replicas is not None:
                await client.apply(DEPLOYMENT, deployment(replicas), "test")
            return await _watched(client, holds)
        finally:
            await client.close()

    return asyncio.run(follow())


async def _watched(client: Client, holds: Callable[[list[Object]], bool]) -> list[Object]:
    found = await client.list(POD, "default")
    pods = {pod["metadata"]["name"]: pod for pod in found.items}
    async with asyncio.timeout(60), client.watch(POD, "default", resource_version=found.resource_version) as events:
        while not holds(list(pods.values())):
            event = await anext(events)
            if event.type == "DELETED":
                pods.pop(event.object["metadata"]["name"])
            elif event.type != "BOOKMARK":
                pods[event.object["metadata"]["name"]] = event.object
    return list(pods.values())


def deployment(replicas: int) -> Object:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "web"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def run(count: int) -> Callable[[list[Object]], bool]:
    return lambda pods: len(pods) == count and all(pod["status"]["phase"] == "Running" for pod in pods)


def test_a_cluster_of_simulated_nodes_outlives_a_kill(place: Place, tmp_path: Path) -> None:
    (tmp_path / "simulation.yaml").write_text(FILE)
    words = ["--listen", "127.0.0.1", "--api-port", str(place.port), "--simulate-config", tmp_path / "simulation.yaml"]
    done = place.sampan("up", "--simulate-nodes", "3", *map(str, words))
    assert done.returncode == 0 and "3 simulated nodes" in done.stdout, done.stderr
    before = until(place, run(6), replicas=6)
    state = state_of(place.config)
    assert state["ready"] and [node["name"] for node in state["nodes"]] == [f"simulated-{n}" for n in range(3)]
    pid = server_pid(place.config)
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert place.sampan("up").returncode == 0
    after = until(place, run(6))
    assert sorted(map(str, after)) == sorted(map(str, before)), "nothing was to be done, and nothing was"
    until(place, run(2), replicas=2)
    assert place.sampan("down").returncode == 0
    assert place.sampan("up", "--simulate-nodes", "1").returncode == 0
    assert [node["name"] for node in state_of(place.config)["nodes"]] == ["simulated-0"]
    assert place.sampan("delete").returncode == 0 and not place.directory.exists()
