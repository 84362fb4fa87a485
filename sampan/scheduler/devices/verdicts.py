"""What CEL selectors say of devices, found out ahead of decisions and remembered.

One evaluation may take longer than anybody should wait for the loop, so a decision evaluates nothing: it looks up what
`look_ahead` has found in a thread. That stops when it has cost too much, and goes on where it was at the pod's next
attempt. Called by plugins/dynamic_resources.py.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sampan.scheduler.devices.asking import AllocationError, Asked, Selector
from sampan.scheduler.devices.pools import Device

if TYPE_CHECKING:
    from sampan.machinery.cel.engine import Program

MOST_COST = 1_000_000  # cost units of one look ahead: about a quarter of a second
_OVERHEAD = 50  # cost units that an evaluation takes at the least
_REMEMBERED = 256  # expressions
_HINT = (
    ". consider using CEL optional chaining (.? followed by orValue()) or guarding the check with has() for optional"
    " fields"
)
Verdict = bool | str  # a text is an error


class NotJudged(Exception):
    """Nobody has found out yet what a selector says of a device."""


class Verdicts:
    """By expression and device."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, WeakKeyDictionary[Device, Verdict]] = OrderedDict()

    def matches(self, asked: Asked, device: Device) -> bool:
        """Whether a request wants a device. Raises NotJudged, and AllocationError where a selector fails."""
        for selector in asked.selectors:
            verdict = self._of(selector).get(device)
            if verdict is None:
                raise NotJudged
            if isinstance(verdict, str):
                raise AllocationError(_failed(selector, device, verdict))
            if not verdict:
                return False
        return True

    def look_ahead(self, wanted: Iterable[Asked], devices: Sequence[Device], cost: int = MOST_COST) -> bool:
        """Find out what is not known; false where that would cost too much. May be called in a thread."""
        for asked in wanted:
            known = [(selector, self._of(selector)) for selector in asked.selectors]
            for device in devices:
                for selector, verdicts in known:
                    verdict = verdicts.get(device)
                    if verdict is None:
                        if cost <= 0:
                            return False
                        verdict, spent = _evaluate(selector.expression, device)
                        verdicts[device] = verdict
                        cost -= spent
                    if verdict is not True:
                        break
        return True

    def _of(self, selector: Selector) -> WeakKeyDictionary[Device, Verdict]:
        found = self._known.get(selector.expression)
        if found is None:
            found = self._known[selector.expression] = WeakKeyDictionary()
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found


def _failed(selector: Selector, device: Device, error: str) -> str:
    on = f" on device {device.id}" if error.startswith("CEL runtime error") else ""
    return f"{selector.owner}: selector #{selector.index}{on}: {error}"


def _evaluate(expression: str, device: Device) -> tuple[Verdict, int]:
    from sampan.machinery.cel.devices import SELECTOR_LIMIT
    from sampan.machinery.cel.errors import BudgetExceeded, EvaluationError

    program = _compiled(expression)
    if isinstance(program, str):
        return program, _OVERHEAD
    try:
        result = program.evaluate(_bindings(device), SELECTOR_LIMIT)
    except (EvaluationError, BudgetExceeded) as error:
        hint = _HINT if "no such key:" in str(error) else ""
        return f"CEL runtime error: {error}{hint}", error.cost + _OVERHEAD
    if not isinstance(result.value, bool):
        return "CEL runtime error: CEL result of type other than bool could not be converted to bool", _OVERHEAD
    return result.value, result.cost + _OVERHEAD


def _bindings(device: Device) -> Any:
    from sampan.machinery.cel.devices import device as bindings

    spec = device.object
    shared = bool(spec.get("allowMultipleAllocations"))
    return bindings(device.id.driver, spec.get("attributes") or {}, spec.get("capacity") or {}, shared)


@lru_cache(maxsize=_REMEMBERED)
def _compiled(expression: str) -> "Program | str":
    from sampan.machinery.cel.devices import device_environment
    from sampan.machinery.cel.errors import CompileError, InstantiationError

    try:
        return device_environment().compile(expression)
    except (CompileError, InstantiationError) as error:
        return f"CEL compile error: {error}"
