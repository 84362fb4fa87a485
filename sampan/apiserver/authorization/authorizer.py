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
    authorizer: Authorizer


class Authorizers:
    """The chain."""

    def __init__(self, chain: Iterable[Named]) -> None:
        self.chain = tuple(chain)

    def decide(self, attributes: Attributes) -> Opinion:
        """The first yes or no of the chain; nobody's is no opinion, with what each had to say."""
        return ALLOWED if GROUP_MASTERS in attributes.user.groups else self._from(0, attributes, [])

    def _from(self, place: int, attributes: Attributes, said: list[tuple[str, Decision]]) -> Opinion:
        for at, (name, authorizer) in enumerate(self.chain[place:], place):
            decision = authorizer.decide(attributes)
            if not isinstance(decision, Decision):
                return self._after(decision, at, attributes, said)
            if decision.verdict is not Verdict.NO_OPINION:
                return decision
            said.append((name, decision))
        return _nobody(said)

    async def _after(
        self,
        waiting: Coroutine[Any, Any, Decision],
        at: int,
        attributes: Attributes,
        said: list[tuple[str, Decision]],
    ) -> Decision:
        decision = await waiting
        if decision.verdict is not Verdict.NO_OPINION:
            return decision
        rest = self._from(at + 1, attributes, [*said, (self.chain[at].name, decision)])
        return rest if isinstance(rest, Decision) else await rest

    async def ask(self, attributes: Attributes) -> Decision:
        """`decide`, for those who can wait."""
        decision = self.decide(attributes)
        return decision if isinstance(decision, Decision) else await decision

    async def allows(self, attributes: Attributes) -> bool:
        """Whether the answer is yes."""
        return (await self.ask(attributes)).allowed

    def known_rules(self, user: User, namespace: str) -> Known:
        """All that the chain knows of what the user may do in a namespace."""
        found = [authorizer.known_rules(user, namespace) for _, authorizer in self.chain]
        rules = [rule for known in found for rule in known.rules]
        return Known(rules, any(known.incomplete for known in found), aggregated(known.error for known in found))


def _nobody(said: Sequence[tuple[str, Decision]]) -> Decision:
    if not any(decision.reason or decision.error for _, decision in said):
        return NO_OPINION
    reasons = "\n".join(f"{name}: {decision.reason}" for name, decision in said if decision.reason)
    return Decision(Verdict.NO_OPINION, reasons, aggregated(decision.error for _, decision in said))


def aggregated(errors: Iterable[str]) -> str:
    """Several errors as one text, each once. Form: k8s.io/apimachinery/pkg/util/errors (Aggregate)."""
    found = list(dict.fromkeys(error for error in errors if error))
    return found[0] if len(found) == 1 else f"[{', '.join(found)}]" if found else ""
