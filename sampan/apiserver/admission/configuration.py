"""What an administrator can say about admission: which plugins run, and how those that can be told anything behave.

Upstream's --enable-admission-plugins, --disable-admission-plugins, and the files of --admission-control-config-file.
"""

from dataclasses import dataclass, field

from sampan.apiserver.admission.event_rate_limit.limits import Limit
from sampan.apiserver.admission.pod_security.configuration import PodSecurityConfiguration
from sampan.apiserver.admission.resource_quota.limited import LimitedResource


@dataclass(frozen=True, slots=True)
class AdmissionConfiguration:
    """The default is upstream's."""

    enable: frozenset[str] = frozenset()  # besides those that run by default
    disable: frozenset[str] = frozenset()  # of those that run by default
    limited_resources: tuple[LimitedResource, ...] = ()  # what needs a ResourceQuota to be used at all
    event_limits: tuple[Limit, ...] = ()  # of EventRateLimit
    pod_security: PodSecurityConfiguration = field(default_factory=PodSecurityConfiguration)
