"""What the metrics APIs answer, read. Pure.

The answers are other servers': whatever they hold, reading them ends in figures or in ValueError. Values are in
thousandths, of 64 bits. Types: k8s.io/metrics/pkg/apis, metrics/v1beta1, custom_metrics/v1beta1 and v1beta2,
external_metrics/v1beta1.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sampan.controllers.horizontal_pod_autoscaler.numbers import int64
from sampan.machinery.durations import parse_duration
from sampan.machinery.meta import Object, parse_time
from sampan.machinery.quantity import parse

DEFAULT_WINDOW = 60.0  # seconds
_NEVER = datetime.min.replace(tzinfo=UTC)


class PodMetric(NamedTuple):
    """What a pod was measured to use: when, and over how many seconds."""

    value: int
    timestamp: datetime
    window: float


PodMetrics = dict[str, PodMetric]  # by the pod's name


def pod_metrics(answer: Any, resource: str, container: str) -> PodMetrics:
    """The use of a resource, of a PodMetricsList: of a container, or of whole pods where `container` is "".

    A pod is left out where some container of it has no figure.
    """
    made: PodMetrics = {}
    for item in items_of(answer):
        found = [_map(one) for one in _list(item.get("containers"))]
        if container:
            found = [one for one in found if one.get("name") == container][:1]
        uses = [_map(one.get("usage")).get(resource) for one in found]
        if uses and None not in uses:
            value = int64(sum(milli(use) for use in uses))
            window = parse_duration(_text(item.get("window") or "0s"))
            made[_name(item.get("metadata"))] = PodMetric(value, _moment(item.get("timestamp")), window)
    return made


def custom_pod_metrics(answer: Any) -> PodMetrics:
    """Of a MetricValueList about pods."""
    return {
        _name(item.get("describedObject")): PodMetric(
            milli(item.get("value")), _moment(item.get("timestamp")), _window(item)
        )
        for item in items_of(answer)
    }


def values(answer: Any) -> list[int]:
    """Of a MetricValueList or an ExternalMetricValueList."""
    return [milli(item.get("value")) for item in items_of(answer)]


def items_of(answer: Any) -> list[Object]:
    """The items of a list."""
    return [_map(item) for item in _list(_map(answer).get("items"))]


def versions_of(group: Any) -> Iterator[str]:
    """The versions of an APIGroup, the preferred one first."""
    tree = _map(group)
    for version in (tree.get("preferredVersion"), *_list(tree.get("versions"))):
        yield _text(_map(version).get("version") or "")


def milli(quantity: Any) -> int:
    """A quantity in thousandths; one that is missing is zero."""
    if isinstance(quantity, bool) or not isinstance(quantity, (str, int, float, type(None))):
        raise ValueError(f"{quantity!r} is no quantity")
    return int64(parse(str(quantity)).milli()) if quantity is not None else 0


def _window(item: Object) -> float:
    """v1beta1 has it under another name."""
    seconds = item.get("windowSeconds", item.get("window"))
    if seconds is None:
        return DEFAULT_WINDOW
    if type(seconds) is not int or int64(seconds) != seconds:
        raise ValueError(f"{seconds!r} is no number of seconds")
    return float(seconds)


def _moment(text: Any) -> datetime:
    moment = _NEVER if text is None else parse_time(_text(text))
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} is a time without a zone")
    return moment


def _name(meta: Any) -> str:
    return _text(_map(meta).get("name") or "")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, (list, type(None))):
        raise ValueError("there is something else in place of a list")
    return value or []


def _map(value: Any) -> Object:
    if not isinstance(value, (dict, type(None))):
        raise ValueError("there is something else in place of an object")
    return value or {}
