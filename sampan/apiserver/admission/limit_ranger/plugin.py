"""The plugin: defaults before validation, limits after it. Called by the admission chain."""

from collections.abc import Iterable

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.limit_ranger import defaults, limits
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.kinds.core.limit_range import KIND as LIMIT_RANGE
from sampan.machinery.aggregate import aggregated
from sampan.machinery.meta import Object, is_deleting

PODS = frozenset({("", "pods")})
RESIZES = frozenset({("", "pods/resize")})
CLAIMS = frozenset({("", "persistentvolumeclaims")})


def fill_in(services: Services, admission: Admission) -> None:
    """Give a pod's containers the defaults of the namespace."""
    for limit_range in _ranges(services, admission):
        defaults.fill_in(admission.new, limit_range)


def check_pod(services: Services, admission: Admission) -> None:
    """Raises Forbidden for a pod beyond the limits."""
    for limit_range in _ranges(services, admission):
        _refuse(admission, limits.of_pod(admission.new, limit_range))


def check_claim(services: Services, admission: Admission) -> None:
    """Raises Forbidden for a claim beyond the limits."""
    for limit_range in _ranges(services, admission):
        _refuse(admission, limits.of_claim(admission.new, limit_range))


def _ranges(services: Services, admission: Admission) -> list[Object]:
    """The LimitRanges that hold; what is on its way out is left alone, so that finalizers can still be removed."""
    if admission.old is not None and is_deleting(admission.old):
        return []
    return services.all(LIMIT_RANGE, admission.call.info.namespace)


def _refuse(admission: Admission, faults: Iterable[str]) -> None:
    if found := aggregated(faults):
        raise forbidden(admission, found)
