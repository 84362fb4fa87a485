"""Authorizers that look at nothing: AlwaysAllow and AlwaysDeny, for clusters that something else guards, and tests.

Rules: k8s.io/apiserver/pkg/authorization/authorizerfactory.
"""

from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.attributes import ALLOWED, Attributes, Decision, Verdict
from sampan.apiserver.authorization.authorizer import Known
from sampan.apiserver.authorization.rules import Rule

_EVERYTHING = (Rule(("*",), ("*",), ("*",)), Rule(("*",), urls=("*",)))
_NO = Decision(Verdict.NO_OPINION, "Everything is forbidden.")


class AlwaysAllow:
    """Everybody may do everything."""

    def decide(self, attributes: Attributes) -> Decision:
        """Yes."""
        return ALLOWED

    def known_rules(self, user: User, namespace: str) -> Known:
        """Everything."""
        return Known(_EVERYTHING)


class AlwaysDeny:
    """Nobody may do anything that no other authorizer of the chain allows."""

    def decide(self, attributes: Attributes) -> Decision:
        """No opinion, for upstream's says so too."""
        return _NO

    def known_rules(self, user: User, namespace: str) -> Known:
        """Nothing."""
        return Known()
