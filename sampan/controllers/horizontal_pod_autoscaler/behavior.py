"""How fast the number of pods may change. Pure.

Without a behavior: to the double, or to four, at a time. With one: as its policies say, each of which counts what has
been added and removed in its period. Rule: KEP-853; docs, Horizontal Pod Autoscaling, "Configurable scaling behavior".
"""

from collections.abc import Sequence
from typing import NamedTuple

from sampan.controllers.horizontal_pod_autoscaler.history import History, Sample
from sampan.controllers.horizontal_pod_autoscaler.numbers import ceiling, int32, whole
from sampan.controllers.horizontal_pod_autoscaler.replicas import DEFAULT_TOLERANCE, Tolerances
from sampan.machinery.meta import Object
from sampan.machinery.quantity import parse

PODS, PERCENT = "Pods", "Percent"
MIN, MAX, DISABLED = "Min", "Max", "Disabled"
_UP_FACTOR, _UP_LEAST = 2, 4
_TOO_FAST = "the desired replica count is increasing faster than the maximum scale rate"
_TOO_FAST_DOWN = "the desired replica count is decreasing faster than the maximum scale rate"
_TOO_MANY = "the desired replica count is more than the maximum replica count"
_TOO_FEW = "the desired replica count is less than the minimum replica count"


class Policy(NamedTuple):
    """So many pods, or so much percent of them, in so many seconds."""

    type: str
    value: int
    period: int


class Rules(NamedTuple):
    """In one direction."""

    window: float  # seconds for which earlier recommendations hold
    policies: tuple[Policy, ...]
    select: str = MAX

    @property
    def longest_period(self) -> int:
        """For which changes in this direction have to be remembered."""
        return max(policy.period for policy in self.policies)


class Behavior(NamedTuple):
    """In both."""

    up: Rules
    down: Rules


class Limited(NamedTuple):
    """How many pods it may be, and which limit that is due to, or would have been, in upstream's words."""

    replicas: int
    reason: str
    message: str


class Bounds(NamedTuple):
    """The fewest and the most pods that there may be, and how many there are."""

    least: int
    most: int
    current: int


_ALL_AT_ONCE = Policy(PERCENT, 100, 15)
_UP = (Policy(PODS, 4, 15), _ALL_AT_ONCE)


def behavior_of(spec: Object, default_window: float) -> Behavior | None:
    """What an autoscaler says of it, None if nothing; `default_window` is that of going down."""
    behavior = spec.get("behavior")
    if behavior is None:
        return None
    return Behavior(
        _rules(behavior.get("scaleUp") or {}, 0.0, _UP),
        _rules(behavior.get("scaleDown") or {}, default_window, (_ALL_AT_ONCE,)),
    )


def _rules(rules: Object, window: float, policies: tuple[Policy, ...]) -> Rules:
    given = rules.get("stabilizationWindowSeconds")
    said = tuple(Policy(one["type"], one["value"], one["periodSeconds"]) for one in rules.get("policies") or ())
    return Rules(window if given is None else given, said or policies, rules.get("selectPolicy") or MAX)


def tolerances_of(spec: Object, default: float = DEFAULT_TOLERANCE) -> Tolerances:
    """Those that the behavior says, in either direction (KEP-4951)."""
    behavior = spec.get("behavior") or {}
    down, up = (
        default if said is None else parse(str(said)).nano / 1e9
        for said in ((behavior.get(field) or {}).get("tolerance") for field in ("scaleDown", "scaleUp"))
    )
    return Tolerances(down, up)


def limited(wanted: int, bounds: Bounds) -> Limited:
    """Without a behavior."""
    limit = int32(max(_UP_FACTOR * bounds.current, _UP_LEAST))
    if wanted < bounds.least:
        return Limited(bounds.least, "TooFewReplicas", _TOO_FEW)
    if bounds.most > limit:
        return _at_most(wanted, limit, "ScaleUpLimit", _TOO_FAST)
    return _at_most(wanted, bounds.most, "TooManyReplicas", _TOO_MANY)


def limited_by(behavior: Behavior, wanted: int, bounds: Bounds, history: History, now: float) -> Limited:
    """With one."""
    current = bounds.current
    if wanted > current:
        limit = max(up_limit(behavior.up, current, history, now), current)
        if bounds.most > limit:
            return _at_most(wanted, limit, "ScaleUpLimit", _TOO_FAST)
        return _at_most(wanted, bounds.most, "TooManyReplicas", _TOO_MANY)
    if wanted < current:
        limit = min(down_limit(behavior.down, current, history, now), current)
        if bounds.least < limit:
            return _at_least(wanted, limit, "ScaleDownLimit", _TOO_FAST_DOWN)
        return _at_least(wanted, bounds.least, "TooFewReplicas", _TOO_FEW)
    return _within(wanted)


def up_limit(rules: Rules, current: int, history: History, now: float) -> int:
    """To how many pods the policies let it grow. A share is rounded up, or few pods would never become more."""
    if rules.select == DISABLED:
        return current
    proposed = []
    for policy in rules.policies:
        start = _at_start(policy, current, history, now)
        percent = ceiling(start * (1 + policy.value / 100))
        proposed.append(int32(start + policy.value) if policy.type == PODS else percent)
    return min(proposed) if rules.select == MIN else max(proposed)


def down_limit(rules: Rules, current: int, history: History, now: float) -> int:
    """To how many pods they let it shrink."""
    if rules.select == DISABLED:
        return current
    proposed = []
    for policy in rules.policies:
        start = _at_start(policy, current, history, now)
        percent = whole(start * (1 - policy.value / 100))
        proposed.append(int32(start - policy.value) if policy.type == PODS else percent)
    return max(proposed) if rules.select == MIN else min(proposed)


def _at_start(policy: Policy, current: int, history: History, now: float) -> int:
    """How many pods there were when the policy's period began."""
    return current - _sum(history.added, now - policy.period) + _sum(history.removed, now - policy.period)


def _sum(changes: Sequence[Sample], start: float) -> int:
    return sum(change.replicas for change in changes if change.at > start)


def _at_most(wanted: int, most: int, reason: str, message: str) -> Limited:
    return Limited(most, reason, message) if wanted > most else _within(wanted)


def _at_least(wanted: int, least: int, reason: str, message: str) -> Limited:
    return Limited(least, reason, message) if wanted < least else _within(wanted)


def _within(wanted: int) -> Limited:
    return Limited(wanted, "DesiredWithinRange", "the desired count is within the acceptable range")
