"""Follows nodes, and gives a range to each that has none."""

import logging

from sampan.controllers.config import Config, ControllerContext
from sampan.controllers.node_ipam.cidr_set import CIDRSet, OutOfRange
from sampan.kinds.core.node import KIND as NODE
from sampan.machinery.errors import APIError, NotFound, ServerTimeout
from sampan.machinery.meta import Key, Object, is_deleting, key_of
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Controller
from sampan.reconcile.events import NORMAL

log = logging.getLogger(__name__)

_BY_CIDR = "pod CIDR"
_RETRY = after(60.0)  # seconds, with no block left; sooner when one is given back


class NodeIPAM(Controller):
    """Keys are nodes."""

    name = "node-ipam-controller"
    component = "cidrAllocator"
    account = "node-controller"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self._sets = sets_of(context.config)
        self._given: dict[str, list[str]] = {}  # by uid: what a node has been given and does not show yet
        self.nodes = self.informers.of(NODE)
        if self._sets:
            self.nodes.add_index(_BY_CIDR, cidrs_of)
            self.nodes.on_change(self._account)
            self.watch(NODE, matters=lambda old, new: cidrs_of(old) != cidrs_of(new))

    # Who has what

    def _account(self, old: Object | None, new: Object | None) -> None:
        """Take over what nodes say that they have."""
        if new is not None and cidrs_of(new):
            given = self._given.pop(new["metadata"]["uid"], [])
            self._release([cidr for cidr in given if cidr not in cidrs_of(new)])
            self._occupy(new)
        elif new is None and old is not None:
            cidrs = cidrs_of(old) or self._given.pop(old["metadata"]["uid"], [])
            self._release([cidr for cidr in cidrs if not self.nodes.by(_BY_CIDR, cidr)])

    def _occupy(self, node: Object) -> None:
        for cidrs, cidr in zip(self._sets, cidrs_of(node), strict=False):
            try:
                cidrs.occupy(cidr)
            except (OutOfRange, ValueError) as error:
                log.debug("node %s has a range of its own: %s", node["metadata"]["name"], error)

    def _release(self, given: list[str]) -> None:
        """Give ranges back, and their turn to nodes that wait for one."""
        for cidrs, cidr in zip(self._sets, given, strict=False):
            try:
                cidrs.release(cidr)
            except (OutOfRange, ValueError):
                continue
        for node in self.nodes.items():
            if given and not cidrs_of(node):
                self.queue.add(key_of(node))

    # Giving

    async def reconcile(self, key: Key) -> Action:
        node = self.nodes.get(key)
        if node is None or is_deleting(node) or cidrs_of(node):
            return WAIT
        uid = node["metadata"]["uid"]
        given = self._given.get(uid) or self._take()
        if given is None:
            self._tell(node, "CIDRNotAvailable")
            return _RETRY
        self._given[uid] = given
        await self._give(node, given)
        return WAIT

    def _take(self) -> list[str] | None:
        """A block of each range; None where one has none left."""
        taken = [cidrs.take() for cidrs in self._sets]
        if None not in taken:
            return [cidr for cidr in taken if cidr]
        for cidrs, cidr in zip(self._sets, taken, strict=True):
            if cidr:
                cidrs.release(cidr)
        return None

    async def _give(self, node: Object, given: list[str]) -> None:
        meta = node["metadata"]
        patch = {"metadata": {"uid": meta["uid"]}, "spec": {"podCIDR": given[0], "podCIDRs": given}}
        try:
            await self.client.patch(NODE, meta["name"], patch, type="strategic")
        except NotFound:
            self._forget(meta["uid"])
        except APIError as error:
            self._tell(node, "CIDRAssignmentFailed")
            if not isinstance(error, ServerTimeout):  # then it may have been written
                self._forget(meta["uid"])
            raise

    def _forget(self, uid: str) -> None:
        self._release(self._given.pop(uid, []))

    def _tell(self, node: Object, reason: str) -> None:
        message = f"Node {node['metadata']['name']} status is now: {reason}"
        self.recorder.event(node, NORMAL, reason, message)


def sets_of(config: Config) -> list[CIDRSet]:
    """The blocks of each of the cluster's ranges. Raises ValueError."""
    kept = [*_listed(config.service_cluster_ip_range), *config.kept_node_cidrs]
    return [
        CIDRSet(cidr, config.node_cidr_mask_size_ipv6 if ":" in cidr else config.node_cidr_mask_size_ipv4, kept)
        for cidr in _listed(config.cluster_cidr)
    ]


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def cidrs_of(node: Object) -> list[str]:
    """The ranges of a node's pods."""
    return node["spec"].get("podCIDRs") or []
