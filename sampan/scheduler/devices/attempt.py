"""What the scheduler has found out about the claims of the pod that it decides about; kept between turns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sampan.machinery.meta import Key, Object
from sampan.scheduler.devices.asking import Claim

Allocations = Mapping[str, Object]  # by uid of the claim


@dataclass(slots=True)
class Attempt:
    """What has been found out about one pod, as things were at a change of the devices."""

    pod: Key
    at: int
    claims: Sequence[Object]
    wanted: Sequence[Claim]  # those of them that have nothing yet
    spent: int  # steps
    unfinished: bool = False
    found: dict[str, tuple[int, Allocations | str]] = field(default_factory=dict)  # by node, with its generation
    unavailable: dict[str, Object] = field(default_factory=dict)  # claims that keep it from some node, by uid
