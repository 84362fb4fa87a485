"""DenyServiceExternalIPs: no Service takes an address that it has not had already. By flag.

Whoever may set externalIPs can catch the traffic to any address: CVE-2020-8554.
"""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.machinery.meta import Object


def validate(services: Services, admission: Admission) -> None:
    """Raises Forbidden for a new external address."""
    if not _addresses(admission.new) <= _addresses(admission.old or {}):
        raise forbidden(admission, "Use of external IPs is denied by admission control")


def _addresses(service: Object) -> set[str]:
    return set((service.get("spec") or {}).get("externalIPs") or ())
