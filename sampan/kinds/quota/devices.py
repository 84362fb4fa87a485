"""ResourceClaims in quotas: how many, and how many devices of each class they may come to.

Not here: devices that pods ask for as extended resources; those count as the pods' own.
"""

from collections.abc import Iterator
from datetime import datetime

from sampan.kinds.core.pod_resources import Resources, add
from sampan.kinds.quota.evaluator import ONE, Change, Evaluator, count_name
from sampan.kinds.resource.requests import MOST_REQUESTS
from sampan.machinery.meta import Object
from sampan.machinery.quantity import Quantity
from sampan.machinery.tree import get_path

_COUNT = count_name("resource.k8s.io", "resourceclaims")
_OF_CLASS = ".deviceclass.resource.k8s.io/devices"
_UNIT = 10**9


def _usage(claim: Object, _: datetime) -> Resources:
    used = {_COUNT: ONE}
    for request in get_path(claim, ("spec", "devices", "requests")) or ():
        add(used, _most(request))
    return used


def _most(request: Object) -> Resources:
    """Of the choices of a request any may be taken, so that each class counts with its greatest."""
    found: dict[str, Quantity] = {}
    for name, count in _asked(request):
        found[name] = max(found.get(name, Quantity(0)), Quantity(count * _UNIT), key=lambda amount: amount.nano)
    return found


def _asked(request: Object) -> Iterator[tuple[str, int]]:
    for asked in request.get("firstAvailable") or [request.get("exactly") or {}]:
        if name := asked.get("deviceClassName"):
            every = asked.get("allocationMode") == "All"
            yield name + _OF_CLASS, MOST_REQUESTS if every else asked.get("count") or 0


def _handles(change: Change) -> bool:
    return not change.subresource and change.operation in ("CREATE", "UPDATE")


DEVICES = Evaluator(lambda name: name == _COUNT or name.endswith(_OF_CLASS), _usage, handles=_handles)
