"""DefaultTolerationSeconds: pods stay five minutes on a node that is not ready or unreachable."""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.services import Services
from sampan.machinery.meta import Object

_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_SECONDS = 300


def mutate(services: Services, admission: Admission) -> None:
    """Add a NoExecute toleration for each of the two taints that the pod does not mention."""
    spec = admission.new["spec"]
    tolerations: list[Object] = spec.get("tolerations") or []
    missing = [taint for taint in _TAINTS if not any(_covers(t, taint) for t in tolerations)]
    if missing:
        spec["tolerations"] = tolerations + [
            {"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _SECONDS}
            for taint in missing
        ]


def _covers(toleration: Object, taint: str) -> bool:
    return toleration.get("key", "") in ("", taint) and toleration.get("effect", "") in ("", "NoExecute")
