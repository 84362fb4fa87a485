"""One stored object through each of its versions: what a version knows is read back as it was written.

Objects of every version are drawn from the field schema. What Go leaves out when it is empty need not come back.
"""

import copy
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.kinds.differences import differences
from sampan.machinery.errors import BadRequest
from sampan.machinery.kind import Kind, Served
from tests.catalogue import CATALOGUE
from tests.kinds.test_any_object import manifest

KINDS = {f"{kind.name}.{kind.group}": kind for kind in CATALOGUE.kinds if len(kind.versions) > 1}
# What older versions had no field for, below the stored object.
UNKNOWN = {
    "resource.k8s.io/v1alpha3 ResourceSlice": "requestPolicy",
    "storagemigration.k8s.io/v1alpha1 StorageVersionMigration": "observedGeneration",
}
_OF_TARGET = {"Utilization": "averageUtilization", "AverageValue": "averageValue"}
_METRICS = {"Resource": "resource", "ContainerResource": "containerResource"}


def one_target(metric: Any) -> None:
    """A metric as validation lets it be: of its type, with the one target that belongs to it."""
    kind = "ContainerResource" if "containerResource" in metric else "Resource"
    source = metric.pop(_METRICS[kind], None) or {}
    target = source.get("target") or {}
    chosen = "Utilization" if target.get("averageUtilization") else "AverageValue"
    value = target.get(_OF_TARGET[chosen], "1")
    metric.clear()
    names = {field: source[field] for field in ("name", "container") if field in source}
    metric.update({"type": kind, _METRICS[kind]: {**names, "target": {"type": chosen, _OF_TARGET[chosen]: value}}})


def legal(obj: Any) -> Any:
    """An object without what no valid one says: several members of a union at once."""
    if obj["kind"] == "HorizontalPodAutoscaler":
        for metric in obj["spec"].get("metrics") or ():
            one_target(metric)
        obj.pop("status", None)
    if obj["kind"] == "Ingress":
        for port in _ports(obj):
            port.pop("number", None) if port.get("name") else port.pop("name", None)
    return obj


def _ports(tree: Any) -> list[Any]:
    """Every port of a backend's service below a tree."""
    if isinstance(tree, list):
        return [port for item in tree for port in _ports(item)]
    if not isinstance(tree, dict):
        return []
    own = [tree["service"]["port"]] if isinstance((tree.get("service") or {}).get("port"), dict) else []
    return own + [port for value in tree.values() for port in _ports(value)]


def lean(tree: Any, unknown: str) -> Any:
    """A tree without empty values, and without a field that a version did not know."""
    if isinstance(tree, list):
        return [lean(item, unknown) for item in tree]
    if not isinstance(tree, dict):
        return tree
    kept = {field: lean(value, unknown) for field, value in tree.items() if field != unknown}
    return {field: value for field, value in kept.items() if value not in (None, "", 0, False, [], {})}


def through(served: Served, stored: Any) -> Any:
    """A stored object as a version shows it, and stored again as that version reads it."""
    codec = CATALOGUE.codec(served)
    shown = codec.encode(copy.deepcopy(stored))
    assert (shown["apiVersion"], shown["kind"]) == (served.version.api_version, served.kind.name)
    return codec.to_storage(codec.check(copy.deepcopy(shown))[0])


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_version_keeps_what_it_knows(kind: Kind, seed: int) -> None:
    random = Random(seed)
    written = random.choice(kind.versions)
    try:
        sent = manifest(random, Served(kind, written))
        stored = legal(CATALOGUE.codec(Served(kind, written)).decode(sent)[0])
    except BadRequest:
        return
    for version in kind.versions:
        unknown = UNKNOWN.get(f"{version.api_version} {kind.name}", "")
        before, after = (lean(tree, unknown) for tree in (stored, through(Served(kind, version), stored)))
        assert not list(differences(before, after)), version.api_version
