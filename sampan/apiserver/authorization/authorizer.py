"""The chain of authorizers: each says yes, no, or leaves the word to the next.

Authorizers that decide from memory (all but webhooks) answer at once, so a request that they decide costs no task. Who
can wait calls `ask`. Rules: k8s.io/apiserver/pkg/authorization/union; members of system:masters are asked about
nowhere (authorizerfactory.NewPrivilegedGroups).
"""

from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from sampan.apiserver.authentication.user import GROUP_MASTERS, User
from sampan.apiserver.authorization.attributes import ALLOWED, NO_OPINION, Attributes, Decision, Verdict
from sampan.apiserver.authorization.rules import Rule
from sampan.machinery.aggregate import aggregated

Opinion = Decision | Coroutine[Any, Any, Decision]


class Known(NamedTuple):
    """What one authorizer knows of all that a user may do."""

    rules: Sequence[Rule] = ()
    incomplete: bool = False  # whether the user may be allowed more than the rules say
    error: str = ""


class Authorizer(Protocol):
    """One of the chain."""

    def decide(self, attributes: Attributes) -> Opinion:
        """Its opinion; a coroutine where it has to ask somebody else."""

    def known_rules(self, user: User, namespace: str) -> Known:
        """What it knows of all that the user may do in a namespace."""


class Named(NamedTuple):
    """An authorizer by the name that reasons and metrics give it."""

    name: str
    type: str  # the mode that it is
    authorizer: Authorizer


class Authorizers:
    """The chain. It may be replaced at any time: a question goes through the one that it began with."""

    def __init__(self, chain: Iterable[Named], counts: dict[tuple[str, str, str], int] | None = None) -> None:
        self.chain = tuple(chain)
        self._counts = counts if counts is not None else {}  # of who decided what, for metrics

    def decide(self, attributes: Attributes) -> Opinion:
        """The first yes or no of the chain; nobody's is no opinion, with what each had to say."""
        if GROUP_MASTERS in attributes.user.groups:
            return ALLOWED
        said: list[tuple[str, Decision]] = []
        opinion, rest = self._walk(self.chain, attributes, said)
        return opinion if isinstance(opinion, Decision) else self._after(opinion, rest, attributes, said)

    def at_once(self, attributes: Attributes) -> Decision | None:
        """`decide`, for those who can't wait; None where somebody has to be asked."""
        if GROUP_MASTERS in attributes.user.groups:
            return ALLOWED
        opinion, _ = self._walk(self.chain, attributes, [])
        if isinstance(opinion, Decision):
            return opinion
        opinion.close()
        return None

    def _walk(
        self, chain: Sequence[Named], attributes: Attributes, said: list[tuple[str, Decision]]
    ) -> tuple[Opinion, Sequence[Named]]:
        """How far the chain comes without waiting, and who is left."""
        for at, one in enumerate(chain):
            decision = one.authorizer.decide(attributes)
            if not isinstance(decision, Decision):
                return decision, chain[at:]
            if decision.verdict is not Verdict.NO_OPINION:
                return self._counted(one, decision), ()
            said.append((one.name, decision))
        return _nobody(said), ()

    async def _after(
        self,
        waiting: Coroutine[Any, Any, Decision],
        chain: Sequence[Named],
        attributes: Attributes,
        said: list[tuple[str, Decision]],
    ) -> Decision:
        """What the first of the chain comes to say, and if that is nothing, the others."""
        while True:
            decision = await waiting
            if decision.verdict is not Verdict.NO_OPINION:
                return self._counted(chain[0], decision)
            said.append((chain[0].name, decision))
            opinion, chain = self._walk(chain[1:], attributes, said)
            if isinstance(opinion, Decision):
                return opinion
            waiting = opinion

    def _counted(self, one: Named, decision: Decision) -> Decision:
        key = (one.type, one.name, "allowed" if decision.allowed else "denied")
        self._counts[key] = self._counts.get(key, 0) + 1
        return decision

    async def ask(self, attributes: Attributes) -> Decision:
        """`decide`, for those who can wait."""
        decision = self.decide(attributes)
        return decision if isinstance(decision, Decision) else await decision

    async def allows(self, attributes: Attributes) -> bool:
        """Whether the answer is yes."""
        return (await self.ask(attributes)).allowed

    def known_rules(self, user: User, namespace: str) -> Known:
        """All that the chain knows of what the user may do in a namespace."""
        found = [one.authorizer.known_rules(user, namespace) for one in self.chain]
        rules = [rule for known in found for rule in known.rules]
        return Known(rules, any(known.incomplete for known in found), aggregated(known.error for known in found))


def _nobody(said: Sequence[tuple[str, Decision]]) -> Decision:
    if not any(decision.reason or decision.error for _, decision in said):
        return NO_OPINION
    reasons = "\n".join(f"{name}: {decision.reason}" for name, decision in said if decision.reason)
    return Decision(Verdict.NO_OPINION, reasons, aggregated(decision.error for _, decision in said))
