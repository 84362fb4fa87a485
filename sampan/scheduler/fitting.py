"""Whether a pod fits on a node whose pods are not as they are: some gone, some there that are only nominated for it.

Nothing in the cluster's state is touched: the node is copied with the pods that it is to have, and what plugins have
found out about the cluster (MovableCheck) is moved along. Asked by decision.py where pods are nominated for a node, and
by dry_run.py for preemption.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sampan.scheduler.framework import NodeCheck, NodeFilter, Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.nominations import Promised
from sampan.scheduler.pod_info import PodInfo


@dataclass(frozen=True)
class Fitting:
    """One pod that looks for a node, and all who have a say; `promised` are the nominated pods that it yields to."""

    pod: PodInfo
    filters: Sequence[NodeFilter]
    checks: Sequence[NodeCheck]
    promised: Promised = field(default_factory=dict)
    dormant: Sequence[NodeCheck] = ()  # more checks, for pods that come

    @cached_property
    def moving_filters(self) -> Sequence[NodeFilter]:
        """Those whose answer depends on the pods of the node."""
        return [plugin for plugin in self.filters if not getattr(plugin, "ignores_pods", False)]

    def rejection(self, node: NodeInfo) -> Rejection | None:
        """Why the pod can't go to a node as it is, with the pods that are nominated for it and without them."""
        if promised := self.promised.get(node.name):
            found = _View(self, node, node.pods.values(), (), promised).rejection(self.filters)
            if found:
                return found
        return _rejection(self.pod, node, self.filters, self.checks)


class Trial:
    """One node with some of its pods gone, of which any may be put back.

    As upstream, the pod has to fit twice where others are nominated for the node: with them, as they may come, and
    without, as they may not (RunFilterPluginsWithNominatedPods).
    """

    def __init__(self, fitting: Fitting, node: NodeInfo, gone: Sequence[PodInfo]) -> None:
        self._fitting = fitting
        absent = {pod.key for pod in gone}
        kept = [pod for key, pod in node.pods.items() if key not in absent]
        promised = fitting.promised.get(node.name, ())
        self._views = [_View(fitting, node, kept, gone, promised)] if promised else []
        self._views.append(_View(fitting, node, kept, gone, ()))

    def rejection(self) -> Rejection | None:
        """Why the pod does not fit."""
        rejections = (view.rejection(self._fitting.filters) for view in self._views)
        return next((rejection for rejection in rejections if rejection), None)

    def put_back(self, pod: PodInfo) -> bool:
        """Let a pod stay after all if there is room for both; says whether it does."""
        for number, view in enumerate(self._views):
            if not view.put_back(pod, self._fitting.moving_filters):
                for other in self._views[:number]:
                    other.take_away(pod)
                return False
        return True


class _View:
    def __init__(
        self,
        fitting: Fitting,
        node: NodeInfo,
        kept: Iterable[PodInfo],
        gone: Sequence[PodInfo],
        come: Sequence[PodInfo],
    ) -> None:
        self._pod = fitting.pod
        self._node = node.with_pods([*kept, *come])
        self._checks = _moved([*fitting.checks, *fitting.dormant] if come else fitting.checks, node, gone, come)

    def rejection(self, filters: Iterable[NodeFilter]) -> Rejection | None:
        return _rejection(self._pod, self._node, filters, self._checks)

    def put_back(self, pod: PodInfo, filters: Iterable[NodeFilter]) -> bool:
        self._node.add(pod)
        checks = self._checks
        if checks:
            self._checks = _moved(checks, self._node, (), (pod,))
        if self.rejection(filters) is None:
            return True
        self._node.remove(pod.key)
        self._checks = checks
        return False

    def take_away(self, pod: PodInfo) -> None:
        self._node.remove(pod.key)
        self._checks = _moved(self._checks, self._node, (pod,), ())


def _moved(
    checks: Sequence[NodeCheck], node: NodeInfo, gone: Iterable[PodInfo], come: Iterable[PodInfo]
) -> Sequence[NodeCheck]:
    if not checks:
        return checks
    # by attribute: to ask whether it is a MovableCheck takes longer than all the rest
    return [moved(node, gone, come) if (moved := getattr(check, "moved", None)) else check for check in checks]


def _rejection(
    pod: PodInfo, node: NodeInfo, filters: Iterable[NodeFilter], checks: Iterable[NodeCheck]
) -> Rejection | None:
    """The first. In plain loops, as this is what a dry run spends its time on."""
    for plugin in filters:
        if found := plugin.filter(pod, node):
            return found
    for check in checks:
        if found := check(node):
            return found
    return None
