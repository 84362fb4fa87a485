"""PodDisruptionBudgets as preemption sees them: which pods it had better not make go.

A budget that preemption breaks is no obstacle, only what it is least ready to do. Rules: docs page Pod Priority and
Preemption, "PodDisruptionBudget is supported, but not guaranteed". Read by dry_run.py.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sampan.client.informer import Informer
from sampan.kinds.policy.pod_disruption_budget import KIND as BUDGET
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, key_of
from sampan.machinery.selectors import Selector, SelectorError, from_label_selector
from sampan.scheduler.pod_info import LabelSet, PodInfo

_REMEMBERED = 10_000  # answers
Question = tuple[str, LabelSet]  # the former a namespace


class Budget(NamedTuple):
    """A budget as it stands: whom it protects, how many of them may go, and who is on the way already."""

    key: Key
    selector: Selector
    allowed: int = 0
    disrupted: frozenset[str] = frozenset()


class Budgets:
    """All budgets, and, as pods of one owner have the same labels, remembered by these: which of them count."""

    def __init__(self, follow: Callable[[Kind], Informer] | None = None) -> None:
        self._budgets: dict[str, dict[Key, Budget]] = {}  # by namespace
        self._remembered: dict[Question, list[Key]] = {}
        if follow is not None:
            follow(BUDGET).on_change(self.changed)

    def changed(self, old: Object | None, new: Object | None) -> None:
        """An informer's callback."""
        key = key_of(new or old or {})
        before = self._budgets.setdefault(key.namespace, {}).pop(key, None)
        after = _read(new) if new else None
        if after is not None:
            self._budgets[key.namespace][key] = after
        if not self._budgets[key.namespace]:
            del self._budgets[key.namespace]
        if before is None or after is None or before.selector != after.selector:
            self._remembered.clear()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._budgets)

    def of(self, pod: PodInfo) -> Sequence[Budget]:
        """The budgets that protect a pod, by name; none protects a pod without labels."""
        budgets = self._budgets.get(pod.namespace)
        if not budgets or not pod.labels:
            return ()
        question = (pod.namespace, pod.label_set)
        found = self._remembered.get(question)
        if found is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            found = sorted(key for key, budget in budgets.items() if budget.selector.matches(pod.labels))
            self._remembered[question] = found
        return [budgets[key] for key in found]


def violating(pods: Iterable[PodInfo], budgets: Budgets) -> tuple[list[PodInfo], list[PodInfo]]:
    """The pods that would break a budget if all went, in this order, and those that would not.

    A pod that is on a budget's list of disrupted ones has been counted there.
    """
    if not budgets:
        return [], list(pods)
    breaking: list[PodInfo] = []
    harmless: list[PodInfo] = []
    left: dict[Key, int] = {}
    for pod in pods:
        (breaking if _breaks(pod, budgets.of(pod), left) else harmless).append(pod)
    return breaking, harmless


def _breaks(pod: PodInfo, budgets: Sequence[Budget], left: dict[Key, int]) -> bool:
    for budget in budgets:
        if pod.key.name in budget.disrupted:
            continue
        left[budget.key] = left.get(budget.key, budget.allowed) - 1
        if left[budget.key] < 0:
            return True
    return False


def _read(obj: Object) -> Budget | None:
    """None for a budget whose selector is absent, bad or demands nothing: to preemption, it protects nobody."""
    try:
        selector = from_label_selector((obj.get("spec") or {}).get("selector"))
    except SelectorError:
        return None
    if selector.is_nothing or selector.is_everything:
        return None
    status = obj.get("status") or {}
    return Budget(
        key_of(obj), selector, status.get("disruptionsAllowed") or 0, frozenset(status.get("disruptedPods") or ())
    )
