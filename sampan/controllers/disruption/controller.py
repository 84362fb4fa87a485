"""The shell of the disruption controller: keeps the status of PodDisruptionBudgets."""

from collections.abc import Iterable, Sequence

from sampan.controllers.config import ControllerContext
from sampan.controllers.disruption.budget import Wanted, asks_for_scale, disrupted, failed_status, status_of, wanted
from sampan.controllers.disruption.scale import ScaleError, Scales
from sampan.controllers.ownership import NAMESPACE_INDEX, index_by_namespace
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.policy.pod_disruption_budget import KIND as BUDGET
from sampan.machinery.errors import APIError, Conflict
from sampan.machinery.meta import Key, Object, key_of, labels_of
from sampan.machinery.selector_text import shown
from sampan.machinery.selectors import Selector, from_label_selector
from sampan.machinery.tree import semantic_equal
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Controller
from sampan.reconcile.events import NORMAL, WARNING

_UNMANAGED = (
    "Pods selected by this PodDisruptionBudget (selector: %s) were found to be unmanaged. As a result, the status of "
    "the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please "
    'set ".spec.minAvailable" field of the PDB to an integer value.'
)


def selector_of(budget: Object) -> Selector:
    """Which pods it covers; without a selector, none."""
    return from_label_selector(budget["spec"].get("selector"))


class DisruptionController(Controller):
    """Keys are budgets."""

    name = "disruption-controller"
    component = "controllermanager"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.budgets = self.watch(BUDGET)
        index_by_namespace(self.budgets)
        self.pods = self.watch(POD, self._covering)
        index_by_namespace(self.pods)
        self.scales = Scales(self.client, lambda kind: self.watch(kind, None), context.discovery)

    def _covering(self, pod: Object) -> Iterable[Key]:
        budgets = self.budgets.by(NAMESPACE_INDEX, pod["metadata"]["namespace"])
        return [key_of(budget) for budget in budgets if selector_of(budget).matches(labels_of(pod))]

    async def reconcile(self, key: Key) -> Action:
        budget = self.budgets.get(key)
        if budget is None:
            return WAIT
        try:
            return await self._sync(budget)
        except Conflict:
            raise
        except (ScaleError, APIError) as error:
            await self._report(budget, failed_status(budget, str(error), self.clock.now()))
            return WAIT

    async def _sync(self, budget: Object) -> Action:
        selector = selector_of(budget)
        there = self.pods.by(NAMESPACE_INDEX, budget["metadata"]["namespace"])
        pods = [pod for pod in there if selector.matches(labels_of(pod))]
        if not pods:
            self.recorder.event(budget, NORMAL, "NoPods", "No matching pods found")
        aim, now = await self._wanted(budget, pods), self.clock.now()
        going = disrupted(budget, pods, now)
        for pod in going.overdue:
            message = f"Pod was expected by PDB {key_of(budget)} to be deleted but it wasn't"
            self.recorder.event(pod, WARNING, "NotDeleted", message)
        await self._report(budget, status_of(budget, pods, aim, going.pods, now))
        return WAIT if going.next_look is None else after(going.next_look + 1)

    async def _wanted(self, budget: Object, pods: Sequence[Object]) -> Wanted:
        if not asks_for_scale(budget["spec"]):
            return wanted(budget["spec"], len(pods))
        try:
            scale = await self.scales.of(pods)
        except ScaleError as error:
            message = f"Failed to calculate the number of expected pods: {error}"
            self.recorder.event(budget, WARNING, "CalculateExpectedPodCountFailed", message)
            raise
        if scale.unmanaged:
            self.recorder.event(budget, WARNING, "UnmanagedPods", _UNMANAGED % shown(budget["spec"].get("selector")))
        return wanted(budget["spec"], scale.pods)

    async def _report(self, budget: Object, status: Object) -> None:
        if not semantic_equal(status, budget.get("status")):
            await self.client.update(BUDGET, {**budget, "status": status}, subresource="status")
