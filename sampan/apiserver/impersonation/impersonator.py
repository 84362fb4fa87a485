"""Deciding who a request is made as, on behalf of its caller.

The constrained ways are tried before the old one, but the one that worked for a caller last time comes first. What is
told of a refusal is the first that was met. Rules: k8s.io/apiserver/pkg/endpoints/filters/impersonation
(getImpersonatedUser). Called by app.py.
"""

from time import perf_counter
from typing import NamedTuple

from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.attributes import Attributes, Decision, forbidden
from sampan.apiserver.authorization.authorizer import Authorizers
from sampan.apiserver.impersonation.headers import Wanted
from sampan.apiserver.impersonation.metrics import ImpersonationMetrics
from sampan.apiserver.impersonation.modes import MODES, Mode, Step
from sampan.machinery.errors import Forbidden

_MOST = 10_000  # callers whose way is remembered


class Acting(NamedTuple):
    """The user that a request is made as, and the verb by which that was allowed; "" for the old way."""

    user: User
    constraint: str = ""


class Impersonator:
    """One for a server."""

    def __init__(self, authorizers: Authorizers, metrics: ImpersonationMetrics) -> None:
        self._authorizers, self._metrics = authorizers, metrics
        self._last: dict[str, Mode] = {}  # by the caller's name

    async def act(self, wanted: Wanted, attributes: Attributes) -> Acting:
        """`attributes` are the request's, with the caller as their user. Raises Forbidden."""
        began, refusal, caller = perf_counter(), None, attributes.user
        for mode in self._order(caller):
            if not mode.applies(wanted, caller):
                continue
            try:
                await self._check(mode, wanted, attributes)
            except Forbidden as error:
                refusal = refusal or error
                continue
            self._remember(caller, mode)
            self._metrics.attempted(mode.name or "legacy", "allowed", perf_counter() - began)
            return Acting(mode.user(wanted), mode.verb if mode.is_constrained else "")
        self._metrics.attempted("", "denied", perf_counter() - began)
        assert refusal is not None  # the old way is for everybody
        raise refusal

    def _order(self, caller: User) -> list[Mode]:
        last = self._last.get(caller.name)
        return sorted(MODES, key=lambda mode: mode is not last)

    def _remember(self, caller: User, mode: Mode) -> None:
        self._last.pop(caller.name, None)
        self._last[caller.name] = mode
        if len(self._last) > _MOST:
            del self._last[next(iter(self._last))]

    async def _check(self, mode: Mode, wanted: Wanted, attributes: Attributes) -> None:
        for step in mode.steps(wanted, attributes):
            await self._check_step(mode, step)

    async def _check_step(self, mode: Mode, step: Step) -> None:
        if step.instead is not None and (await self._ask(mode, step.instead)).allowed:
            return
        for question in step.questions:
            decision = await self._ask(mode, question)
            if not decision.allowed:
                raise forbidden(question, _reason(decision))

    async def _ask(self, mode: Mode, question: Attributes) -> Decision:
        began = perf_counter()
        decision = await self._authorizers.ask(question)
        result = "allowed" if decision.allowed else "denied"
        self._metrics.asked(mode.name or "legacy", result, perf_counter() - began)
        return decision


def _reason(decision: Decision) -> str:
    if decision.error and decision.reason:
        return f"{decision.error}: {decision.reason}"
    return decision.error or decision.reason
