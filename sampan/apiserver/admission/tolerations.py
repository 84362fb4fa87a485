"""Putting tolerations together: what another one covers is left out. Pure.

Called by the plugins that add some. Rule: k8s.io/kubernetes/pkg/util/tolerations (MergeTolerations).
"""

from collections.abc import Sequence

from sampan.machinery.meta import Object


def merged(first: Sequence[Object], second: Sequence[Object]) -> list[Object]:
    """All of both but those that another one covers; of equal ones the first."""
    everything = [*first, *second]
    kept: list[Object] = []
    for position, own in enumerate(everything):
        later = everything[position + 1 :]
        if not any(covers(other, own) for other in kept) and not any(
            other != own and covers(other, own) for other in later
        ):
            kept.append(own)
    return kept


def covers(wide: Object, narrow: Object) -> bool:
    """Whether a toleration tolerates everything that another does."""
    if wide == narrow:
        return True
    by_existence = wide.get("operator") == "Exists"
    if (wide.get("key") or "") != (narrow.get("key") or "") and (wide.get("key") or not by_existence):
        return False
    if wide.get("effect") and wide["effect"] != narrow.get("effect"):
        return False
    if wide.get("effect") == "NoExecute" and not _lasts(wide.get("tolerationSeconds"), narrow.get("tolerationSeconds")):
        return False
    if by_existence:
        return True
    return narrow.get("operator") == "Equal" and (wide.get("value") or "") == (narrow.get("value") or "")


def _lasts(wide: int | None, narrow: int | None) -> bool:
    """Whether seconds are at least as many; none is for ever."""
    return wide is None or (narrow is not None and narrow <= wide)
