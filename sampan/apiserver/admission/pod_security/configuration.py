"""What an administrator can say about PodSecurity: the policy of namespaces without labels, and who is exempt.

Upstream's PodSecurityConfiguration (pod-security.admission.config.k8s.io/v1), with its defaults.
"""

from dataclasses import dataclass, field

from sampan.apiserver.admission.pod_security.policy import Policy
from sampan.machinery.meta import Object


@dataclass(frozen=True, slots=True)
class PodSecurityConfiguration:
    """Nothing is exempt, and nothing forbidden, unless it says so."""

    defaults: Policy = field(default_factory=Policy)
    usernames: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    runtime_classes: frozenset[str] = frozenset()

    def exempts(self, spec: Object) -> bool:
        """Whether a pod is exempt because of its runtime class."""
        return (spec.get("runtimeClassName") or "") in self.runtime_classes
