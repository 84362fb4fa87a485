"""A write without a server: decode in the version that a client uses, prepare, validate."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sampan.apiserver.metadata import bump_generation
from sampan.machinery.kind import Served
from sampan.machinery.metadata import validate_meta, validate_meta_update
from tests.catalogue import CATALOGUE

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
Object = dict[str, Any]


def served(manifest: Object) -> Served:
    return CATALOGUE.by_kind[(manifest["apiVersion"], manifest["kind"])]


def decoded(manifest: Object) -> Object:
    """The manifest in the storage version, with defaults."""
    found = served(manifest)
    obj, _ = CATALOGUE.codec(found).decode(copy.deepcopy(manifest))
    if found.kind.namespaced:
        obj["metadata"].setdefault("namespace", "default")
    return obj


def created(manifest: Object) -> Object:
    """What would be stored."""
    kind = served(manifest).kind
    obj = decoded(manifest)
    if kind.prepare_create:
        kind.prepare_create(obj)
    return obj


def stored(manifest: Object) -> Object:
    """What was stored, with a resourceVersion."""
    obj = created(manifest)
    obj["metadata"]["resourceVersion"] = "1"
    return obj


def create_errors(manifest: Object) -> list[str]:
    """Everything that is wrong with a new object."""
    kind, version = served(manifest)
    obj = created(manifest)
    found = [*validate_meta(obj, kind), *CATALOGUE.validator(served(manifest)).errors(obj)]
    for check in (kind.validate, kind.validate_create, version.validate, version.validate_create):
        found += check(obj) if check else ()
    return [str(error) for error in found]


def updated(old: Object, manifest: Object) -> Object:
    """What would replace `old` (a stored object)."""
    kind = served(manifest).kind
    new = decoded(manifest)
    new["metadata"]["resourceVersion"] = "2"
    if kind.has_status and "status" in old:
        new["status"] = old["status"]
    if kind.prepare_update:
        kind.prepare_update(new, old)
    bump_generation(kind, new, old)
    return new


def update_errors(old: Object, manifest: Object) -> list[str]:
    """Everything that is wrong with replacing `old` by the manifest."""
    kind, version = served(manifest)
    new = updated(old, manifest)
    found = [*validate_meta_update(new, old, kind), *CATALOGUE.validator(served(manifest)).changes(new, old)]
    for check in (kind.validate_update, version.validate_update):
        found += check(new, old) if check else ()
    found += CATALOGUE.validator(served(manifest)).errors(new)
    for check_new in (kind.validate, version.validate):
        found += check_new(new) if check_new else ()
    return [str(error) for error in found]


def cells(manifest: Object, *, wide: bool = False) -> list[Any]:
    """The printed cells of an object, without the name."""
    columns = served(manifest).kind.columns
    return [c.cell(manifest, NOW) for c in columns if c.name != "Name" and (wide or c.priority == 0)]


def encoded(manifest_version: str, stored: Object) -> Object:
    """A stored object as clients of another version see it."""
    return CATALOGUE.codec(CATALOGUE.by_kind[(manifest_version, stored["kind"])]).encode(stored)


def changed(manifest: Object, change: Callable[[Object], object]) -> Object:
    """A copy of a manifest with a change."""
    copied = copy.deepcopy(manifest)
    change(copied)
    return copied


def pod(**spec: Any) -> Object:
    """A valid pod; `spec` overrides its fields."""
    containers = [{"name": "main", "image": "luksa/kubia"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers, **spec}}


def pod_with(**container: Any) -> Object:
    """A valid pod; `container` overrides fields of its only container."""
    return pod(containers=[{"name": "main", "image": "luksa/kubia", **container}])


def workload(api_version: str, kind: str, **spec: Any) -> Object:
    """A ReplicaSet, Deployment and the like with one container; labels and selector match."""
    template = {"metadata": {"labels": {"app": "kubia"}}, "spec": pod()["spec"]}
    body = {"selector": {"matchLabels": {"app": "kubia"}}, "template": template, **spec}
    if api_version == "v1":
        body["selector"] = {"app": "kubia"}
    body = {field: value for field, value in body.items() if value is not None}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "kubia"}, "spec": body}
