"""What an administrator can say about admission: which plugins run, and how those that can be told anything behave.

Upstream's --enable-admission-plugins, --disable-admission-plugins, and the files of --admission-control-config-file.
"""

from dataclasses import dataclass, field

from sampan.apiserver.admission.pod_security.configuration import PodSecurityConfiguration


@dataclass(frozen=True, slots=True)
class AdmissionConfiguration:
    """The default is upstream's."""

    enable: frozenset[str] = frozenset()  # besides those that run by default
    disable: frozenset[str] = frozenset()  # of those that run by default
    pod_security: PodSecurityConfiguration = field(default_factory=PodSecurityConfiguration)
