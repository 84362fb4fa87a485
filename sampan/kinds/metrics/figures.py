"""What the two kinds of metrics.k8s.io share: types, and cells. Types: k8s.io/metrics/pkg/apis/metrics/v1beta1."""

from collections.abc import Callable, Iterable
from datetime import datetime

from sampan.machinery import quantity
from sampan.machinery.kind import Column
from sampan.machinery.meta import Object
from sampan.machinery.schema import Schema
from sampan.machinery.tables import NAME

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
DEFINITIONS = "io.k8s.metrics.pkg.apis.metrics.v1beta1."
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_COMMON = {"apiVersion": "string", "kind": "string", "metadata": _META, "timestamp": "time", "window": "string"}
_ALWAYS = ("timestamp", "window")


def define(known: Schema) -> None:
    """Add the types, which are not among those of k8s.io/api."""
    known.define(DEFINITIONS + "ContainerMetrics", {"name": "string", "usage": "{}quantity"}, ("name", "usage"))
    known.define(DEFINITIONS + "NodeMetrics", {**_COMMON, "usage": "{}quantity"}, (*_ALWAYS, "usage"))
    containers = {"containers": f"[]{DEFINITIONS}ContainerMetrics"}
    known.define(DEFINITIONS + "PodMetrics", {**_COMMON, **containers}, (*_ALWAYS, "containers"))


def columns(usages: Callable[[Object], Iterable[Object]]) -> tuple[Column, ...]:
    """Name, CPU and memory in all, and over how long that was measured: as the metrics server has them."""

    def sum_of(resource: str) -> Callable[[Object, datetime], str]:
        def cell(obj: Object, now: datetime) -> str:
            amounts = [quantity.parse(usage[resource]) for usage in usages(obj) if resource in usage]
            return str(sum(amounts[1:], amounts[0])) if amounts else "0"

        return cell

    return (
        NAME,
        Column("CPU", sum_of("cpu"), description="CPU that is used, in cores."),
        Column("Memory", sum_of("memory"), description="Memory that is used, as its working set."),
        Column("Window", lambda obj, now: str(obj.get("window") or ""), description="How long that was measured."),
    )
