"""What the metrics of an autoscaler are about, and what all kinds of metrics need: use_sources.py, value_sources.py."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sampan.controllers.horizontal_pod_autoscaler.numbers import int64
from sampan.controllers.horizontal_pod_autoscaler.pods import Timing
from sampan.controllers.horizontal_pod_autoscaler.replicas import Tolerances
from sampan.machinery.meta import Object
from sampan.machinery.quantity import Format, Quantity, parse
from sampan.machinery.selectors import Selector


@dataclass(frozen=True, slots=True)
class Scaled:
    """The pods of an autoscaler."""

    namespace: str
    selector: Selector
    pods: Callable[[], Sequence[Object]]  # those that the selector matches now
    asked: int  # how many, by the scale's spec
    there: int  # by its status
    tolerances: Tolerances
    timing: Timing


class BriefError(Exception):
    """A metric can't be told; the condition says the cause alone, the message what it is about, too."""

    def __init__(self, about: str, cause: Exception) -> None:
        super().__init__(f"{about}: {cause}")
        self.cause = str(cause)


def no_target(source: str, targets: str) -> str:
    """What is said of a metric that has none of the targets that it may have."""
    return f"invalid {source} metric source: neither {targets} target was set"


def thousandths(text: str) -> int:
    """Of a quantity."""
    return int64(parse(str(text)).milli())


def quantity(amount: int, format: Format = "DecimalSI") -> str:
    """Of so many thousandths."""
    return str(Quantity(amount * 10**6, format))
