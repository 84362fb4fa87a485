"""Fills ClusterRoles that have an aggregationRule with the rules of those that it selects.

Rule: docs, Using RBAC Authorization, "Aggregated ClusterRoles".
"""

from collections.abc import Iterable

from sampan.kinds.rbac.cluster_role import KIND as CLUSTER_ROLE
from sampan.machinery.meta import Key, Object, key_of, labels_of
from sampan.machinery.selectors import from_label_selector
from sampan.machinery.tree import semantic_equal
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller


def aggregated_rules(role: Object, roles: Iterable[Object]) -> list[Object]:
    """The rules of all other roles that any selector matches, selector by selector and by name, each rule once."""
    rules: list[Object] = []
    by_name = sorted(roles, key=key_of)
    for selector in map(from_label_selector, role["aggregationRule"].get("clusterRoleSelectors") or ()):
        for other in by_name:
            if key_of(other) != key_of(role) and selector.matches(labels_of(other)):
                rules += [rule for rule in other.get("rules") or () if rule not in rules]
    return rules


class ClusterRoleAggregationController(Controller):
    """Keeps aggregated ClusterRoles in step with their parts."""

    name = "clusterrole-aggregation-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.roles = self.watch(CLUSTER_ROLE, self._aggregated)

    def _aggregated(self, changed: Object) -> Iterable[Key]:
        """All aggregated roles, whichever role changed: there are few."""
        return [key_of(role) for role in (changed, *self.roles.items()) if role.get("aggregationRule")]

    async def reconcile(self, key: Key) -> Action:
        role = self.roles.get(key)
        if role is None or not role.get("aggregationRule"):
            return WAIT
        rules = aggregated_rules(role, self.roles.items())
        if not semantic_equal(role.get("rules"), rules):
            await self.client.update(CLUSTER_ROLE, {**role, "rules": rules})
        return WAIT


CONTROLLER = ClusterRoleAggregationController
