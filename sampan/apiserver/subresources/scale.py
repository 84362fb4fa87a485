"""/scale: the number of replicas of any kind that has one, as autoscaling/v1 Scale (or extensions/v1beta1 Scale).

`Kind.scale` says where the numbers and the selector lie. Rules: k8s.io/api/autoscaling/v1; the legacy form has the
selector both as a map and as text (facts of extensions/v1beta1).
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sampan.apiserver import writes
from sampan.apiserver.bodies import read_body, recognized, unrecognized
from sampan.apiserver.call import Call, Tree, Verb
from sampan.apiserver.keys import key_of
from sampan.apiserver.metadata import check_namespace
from sampan.apiserver.options import WriteOptions, write_options
from sampan.apiserver.services import Services
from sampan.apiserver.subresources.registry import Subresource
from sampan.apiserver.verbs.get import current
from sampan.apiserver.verbs.patch import applier
from sampan.machinery import selectors
from sampan.machinery.errors import FIELD_INVALID, BadRequest, Conflict, FieldError, Invalid
from sampan.machinery.kind import Scale, Served
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path, with_changes

_LEGACY_GROUPS = {("extensions", "v1beta1"), ("apps", "v1beta1"), ("apps", "v1beta2")}
_META = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


@cache
def _subresource(group: str, version: str) -> Subresource:
    verbs: Mapping[str, Verb] = {"get": _get, "update": _update, "patch": _patch}
    return Subresource(verbs, "Scale", group, version)


def scale_of(served: Served) -> Subresource:
    """The scale subresource in the form that a served version has it."""
    place = (served.version.group, served.version.version)
    return _subresource(*(place if place in _LEGACY_GROUPS else ("autoscaling", "v1")))


def _get(services: Services, call: Call) -> Tree:
    return Tree(view(call.served, current(services, call).object))


async def _update(services: Services, call: Call) -> Tree:
    body = read_body(call)
    return await _change(services, call, write_options(call.query, "UpdateOptions"), lambda _: body)


async def _patch(services: Services, call: Call) -> Tree:
    return await _change(services, call, write_options(call.query, "PatchOptions"), applier(call))


async def _change(services: Services, call: Call, options: WriteOptions, apply: Any) -> Tree:
    kind, info = call.served.kind, call.info
    scale = kind.scale
    assert scale is not None

    def change(old: Object) -> Object:
        wanted = apply(view(call.served, old))
        replicas = _checked(call, wanted)
        _check_version(call, wanted, old)
        return with_changes(old, {scale.spec_replicas: replicas, ("metadata",): dict(old["metadata"])})

    how = writes.Update(change, options, subresource="scale")
    result = await writes.update(services, call, key_of(kind, info.namespace, info.name), how)
    return Tree(view(call.served, result.tree if isinstance(result, Tree) else result.entry.object))


def _checked(call: Call, wanted: Any) -> int:
    """The replicas that a Scale asks for; raises BadRequest, Invalid."""
    spec, meta = recognized(wanted, "Scale").get("spec") or {}, wanted.get("metadata") or {}
    if not isinstance(spec, Mapping) or not isinstance(meta, Mapping):
        raise unrecognized("Scale")
    name, replicas = meta.get("name"), spec.get("replicas", 0)
    if name and name != call.info.name:
        raise BadRequest(f"the name of the object ({name}) does not match the name on the URL ({call.info.name})")
    check_namespace(meta, call.info.namespace)
    if type(replicas) is not int or abs(replicas) >= 1 << 31:
        raise BadRequest(
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal into Go struct field '
            "ScaleSpec.spec.replicas of type int32"
        )
    if replicas < 0:
        error = FieldError(FIELD_INVALID, "spec.replicas", "must be greater than or equal to 0", replicas)
        raise Invalid.of("Scale", "autoscaling", call.info.name, [error])
    return replicas


def _check_version(call: Call, wanted: Mapping[str, Any], old: Object) -> None:
    meta, kind = wanted.get("metadata") or {}, call.served.kind
    uid, version = meta.get("uid"), meta.get("resourceVersion")
    if uid and uid != old["metadata"]["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old['metadata']['uid']}"
        raise Conflict.of(kind.plural, kind.group, call.info.name, why)
    if version and version != old["metadata"]["resourceVersion"]:
        raise Conflict.of(kind.plural, kind.group, call.info.name)


def view(served: Served, obj: Object) -> Object:
    """An object as its Scale."""
    scale, version = served.kind.scale, served.version
    assert scale is not None
    legacy = (version.group, version.version) in _LEGACY_GROUPS
    meta = {name: obj["metadata"][name] for name in _META if name in obj["metadata"]}
    return {
        "kind": "Scale",
        "apiVersion": version.api_version if legacy else "autoscaling/v1",
        "metadata": meta,
        "spec": _replicas(obj, scale.spec_replicas),
        "status": {"replicas": get_path(obj, scale.status_replicas, 0)} | _selector(obj, scale, legacy=legacy),
    }


def _replicas(obj: Object, path: tuple[str, ...]) -> dict[str, int]:
    replicas = get_path(obj, path, 0)
    return {"replicas": replicas} if replicas else {}


def _selector(obj: Object, scale: Scale, *, legacy: bool) -> dict[str, Any]:
    tree = get_path(obj, scale.selector)
    if not tree:
        return {}
    is_label_selector = "matchLabels" in tree or "matchExpressions" in tree
    selector = selectors.from_label_selector(tree) if is_label_selector else selectors.from_labels(tree)
    if not legacy:
        return {"selector": str(selector)}
    only_labels = is_label_selector and not tree.get("matchExpressions")
    labels = tree.get("matchLabels") if only_labels else (None if is_label_selector else tree)
    return ({"selector": labels} if labels else {}) | {"targetSelector": str(selector)}
