"""The compiler of rules that machinery/structural/rules.py asks for; that module walks objects and finds old values.

Light: what rules need is loaded with the first rule. Called by who serves custom resources.
"""

from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.settings import part
from sampan.machinery.structural.rules import RuleCheck
from sampan.machinery.structural.schema import Structural


class RuleChecks:
    """Makes the check of a node with rules. One for a server: it holds the libraries, which all rules share."""

    def __init__(self, base: Environment) -> None:
        self._base = base

    def __call__(self, node: Structural) -> RuleCheck:
        """The check of one node."""
        check: RuleCheck = part("node_rules").check_of(self._base, node)
        return check
