"""How long kubelets may keep what they have read, by the size of the cluster."""

import pytest

from sampan.controllers.ttl import ANNOTATION, SIZES, size_of
from sampan.kinds.core.node import KIND as NODE
from sampan.machinery.meta import annotations_of
from tests.controllers.cluster import NODE_NAME, Cluster


@pytest.mark.parametrize(
    ("nodes", "before", "seconds"),
    [
        *((1, 0, 0), (100, 0, 0), (101, 0, 15), (95, 1, 15), (89, 1, 0), (501, 1, 30), (449, 2, 15)),
        *((2001, 3, 300), (1799, 4, 60), (100_000, 0, 300), (0, 4, 0)),
    ],
)
def test_sizes(nodes: int, before: int, seconds: int) -> None:
    assert SIZES[size_of(nodes, before)].seconds == seconds


async def test_nodes_are_told(cluster: Cluster) -> None:
    await cluster.one(NODE, NODE_NAME, lambda node: annotations_of(node).get(ANNOTATION) == "0", "")
    await cluster.client.patch(NODE, NODE_NAME, {"metadata": {"annotations": {ANNOTATION: "7"}}})
    await cluster.one(NODE, NODE_NAME, lambda node: annotations_of(node).get(ANNOTATION) == "0", "")
    for number in range(101):
        await cluster.create(NODE, {"metadata": {"name": f"more-{number}"}})
    await cluster.until(NODE, lambda nodes: {annotations_of(one).get(ANNOTATION) for one in nodes} == {"15"})
    for number in range(20):
        await cluster.client.delete(NODE, f"more-{number}")
    await cluster.until(NODE, lambda nodes: {annotations_of(one).get(ANNOTATION) for one in nodes} == {"0"})
