"""The downward API: a pod's own fields and resources as text, for variables and volumes. Pure.

Docs: "Downward API". Called by pod_env.py and volumes/content.py.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from sampan.kubelet.podspec import all_containers
from sampan.machinery.meta import Object
from sampan.machinery.quantity import parse

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")


class FieldUnavailable(Exception):
    """The path names nothing that the downward API gives; str() is what users see."""


def field_value(pod: Object, path: str) -> str:
    """The text of a fieldRef; raises FieldUnavailable."""
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    if found := _SUBSCRIPT.fullmatch(path):
        return str((meta.get(found[1]) or {}).get(found[2], ""))
    simple: Mapping[str, Any] = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta.get("namespace"),
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName"),
        "spec.serviceAccountName": spec.get("serviceAccountName"),
        "status.hostIP": status.get("hostIP"),
        "status.hostIPs": ",".join(entry["ip"] for entry in status.get("hostIPs") or ()),
        "status.podIP": status.get("podIP"),
        "status.podIPs": ",".join(entry["ip"] for entry in status.get("podIPs") or ()),
    }
    if path in ("metadata.labels", "metadata.annotations"):
        return _lines(meta.get(path.removeprefix("metadata.")) or {})
    if path not in simple:
        raise FieldUnavailable(f"unsupported fieldPath: {path}")
    return str(simple[path] or "")


def resource_value(pod: Object, reference: Object, own: str, allocatable: Mapping[str, str]) -> str:
    """The text of a resourceFieldRef; `own` is the container that asks. Without a limit, the node's allocatable."""
    name = reference.get("containerName") or own
    container = next((c for c in all_containers(pod) if c["name"] == name), None)
    if container is None:
        raise FieldUnavailable(f"container {name} not found")
    field, _, resource = reference["resource"].partition(".")
    amounts: Mapping[str, Any] = (container.get("resources") or {}).get(field) or {}
    amount = str(amounts.get(resource) or (allocatable.get(resource, "0") if field == "limits" else "0"))
    divisor = parse(str(reference.get("divisor") or "1")).nano or parse("1").nano
    return str(-(-parse(amount).nano // divisor))


def _lines(values: Mapping[str, str]) -> str:
    """key="value" per line, quoted and sorted: the format of label and annotation files."""
    return "\n".join(f"{key}={orjson.dumps(values[key]).decode()}" for key in sorted(values))
