"""Tells the kubelets, by an annotation of their node, how long they may keep Secrets and ConfigMaps: longer in larger
clusters, so that they ask less often.

What is large is judged with some slack, for a cluster at the edge must not have all its nodes written again and again.
Rule: upstream's pkg/controller/ttl.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sampan.kinds.core.node import KIND as NODE
from sampan.machinery.meta import Key, Object, annotations_of, key_of
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller

ANNOTATION = "node.alpha.kubernetes.io/ttl"


class Size(NamedTuple):
    """From how many nodes to how many, and seconds."""

    least: int
    most: float
    seconds: int


SIZES = (Size(0, 100, 0), Size(90, 500, 15), Size(450, 1000, 30), Size(900, 2000, 60), Size(1800, float("inf"), 300))


def size_of(nodes: int, before: int) -> int:
    """The place in SIZES of a cluster with so many nodes; `before` is the one that it had."""
    place = before
    while nodes > SIZES[place].most:
        place += 1
    while nodes < SIZES[place].least:
        place -= 1
    return place


class TTLController(Controller):
    """Keys are nodes."""

    name = "ttl-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._size = 0
        self.nodes = self.watch(NODE, self._concerned, matters=lambda old, new: _ttl(old) != _ttl(new))

    def _concerned(self, node: Object) -> Iterable[Key]:
        """All nodes where the cluster's size has come to be another one."""
        size = size_of(len(self.nodes.items()), self._size)
        changed, self._size = size != self._size, size
        return map(key_of, self.nodes.items()) if changed else [key_of(node)]

    async def reconcile(self, key: Key) -> Action:
        node, seconds = self.nodes.get(key), str(SIZES[self._size].seconds)
        if node is not None and _ttl(node) != seconds:
            await self.client.patch(NODE, key.name, {"metadata": {"annotations": {ANNOTATION: seconds}}})
        return WAIT


def _ttl(node: Object) -> str | None:
    return annotations_of(node).get(ANNOTATION)


CONTROLLER = TTLController
