"""What a stricter policy would have refused: warnings about the pods that a namespace has already.

Looks at some of very many pods, and not for long; of pods with one controller, which are much alike, at one each first.
Messages and bounds: k8s.io/pod-security-admission/admission (EvaluatePodsInNamespace).
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from sampan.apiserver.admission.pod_security.checks import findings
from sampan.apiserver.admission.pod_security.policy import LevelVersion
from sampan.machinery.meta import Object, controller_of

MAX_PODS = 3000
MAX_SECONDS = 1.0
_TURN = 50  # pods between two looks at the clock, each of which gives the event loop a turn


async def warnings(
    namespace: str, pods: Sequence[Object], policy: LevelVersion, clock: Callable[[], float] = time.monotonic
) -> list[str]:
    """What to say about a namespace whose enforced policy becomes `policy`."""
    faults: list[tuple[str, str]] = []
    checked, end = 0, clock() + MAX_SECONDS
    for pod in by_importance(pods)[:MAX_PODS]:
        faults += _faults(pod, policy)
        checked += 1
        if checked % _TURN == 0:
            await asyncio.sleep(0)
            if clock() > end:
                break
    return told(namespace, policy, faults, checked, len(pods))


def by_importance(pods: Iterable[Object]) -> list[Object]:
    """Pods without a controller and one of each controller, then the others."""
    first: list[Object] = []
    others: list[Object] = []
    seen: set[str] = set()
    for pod in pods:
        owner = controller_of(pod)
        (others if owner and owner.uid in seen else first).append(pod)
        if owner:
            seen.add(owner.uid)
    return first + others


def _faults(pod: Object, policy: LevelVersion) -> list[tuple[str, str]]:
    """(what is wrong, the pod's name), or nothing."""
    found = findings(policy, pod["metadata"], pod["spec"])
    return [(", ".join(finding.reason for finding in found), pod["metadata"]["name"])] if found else []


def told(
    namespace: str, policy: LevelVersion, faults: Sequence[tuple[str, str]], checked: int, total: int
) -> list[str]:
    """The warnings: how far the look went, then each kind of fault with its first pod."""
    said = []
    if checked < total:
        said.append(f"new PodSecurity enforce level only checked against the first {checked} of {total} existing pods")
    if faults:
        said.append(f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{policy}"')
    return said + sorted(_one_fault(fault, faults) for fault in {fault for fault, _ in faults})


def _one_fault(fault: str, faults: Sequence[tuple[str, str]]) -> str:
    names = [name for other, name in faults if other == fault]
    others = len(names) - 1
    more = f" (and {others} other pod{'' if others == 1 else 's'})" if others else ""
    return f"{min(names)}{more}: {fault}"
