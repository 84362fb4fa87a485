"""/scale: the number of replicas of any kind that has one, as autoscaling/v1 Scale (or extensions/v1beta1 Scale).

`Kind.scale` says where the numbers and the selector lie. Rules: k8s.io/api/autoscaling/v1; the legacy form has the
selector both as a map and as text (facts of extensions/v1beta1).
"""

from collections.abc import Callable, Mapping
from typing import Any

from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import read_body, recognized, unrecognized
from sampan.apiserver.call import Call, Tree
from sampan.apiserver.extensions.views import working
from sampan.apiserver.metadata import check_namespace
from sampan.apiserver.options import WriteOptions, write_options
from sampan.apiserver.services import Services
from sampan.apiserver.subresources.subresource import Subresource
from sampan.apiserver.verbs.get import current
from sampan.apiserver.verbs.patch import read_patch, refuse_force
from sampan.apiserver.writes import pipeline
from sampan.apiserver.writes.write import SCALE, Form, Write
from sampan.machinery import selectors
from sampan.machinery.errors import FIELD_INVALID, BadRequest, FieldError, InternalError, Invalid
from sampan.machinery.kind import Scale, Served
from sampan.machinery.meta import Object
from sampan.machinery.tree import deep_copy, get_path, with_changes

_LEGACY_GROUPS = {("extensions", "v1beta1"), ("apps", "v1beta1"), ("apps", "v1beta2")}
_META = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(served: Served) -> Subresource:
    """The scale subresource in the form that a served version has it."""
    place = (served.version.group, served.version.version)
    group, version = place if place in _LEGACY_GROUPS else ("autoscaling", "v1")
    return Subresource({"get": _get, "update": _update, "patch": _patch}, "Scale", group, version)


def _get(services: Services, call: Call) -> Tree:
    return Tree(_shown(call.served, working(call.served, current(services, call))))


async def _update(services: Services, call: Call) -> Tree:
    body = await beside(is_large(call), read_body, call, "Scale", _api_version(call.served))
    return await _change(services, call, write_options(call.query, "UpdateOptions"), lambda _: deep_copy(body))


async def _patch(services: Services, call: Call) -> Tree:
    options = write_options(call.query, "PatchOptions")
    refuse_force(options)
    return await _change(services, call, options, await beside(is_large(call), read_patch, call))


async def _change(services: Services, call: Call, options: WriteOptions, apply: Callable[[Object], Any]) -> Tree:
    def change(old: Object | None) -> Object:
        assert old is not None
        wanted = recognized(apply(view(call.served, old)), "Scale")
        _check(call, wanted)
        return {**wanted, "apiVersion": _api_version(call.served), "kind": "Scale"}

    form = Form(lambda obj: view(call.served, obj), lambda old, wanted: _scaled(call, old, wanted))
    write = Write(call=call, change=change, options=options, part=SCALE, name=call.info.name, form=form)
    result = await pipeline.update(services, write)
    return Tree(_shown(call.served, result.tree if isinstance(result, Tree) else working(call.served, result.entry)))


def _scaled(call: Call, old: Object, wanted: Object) -> Object:
    """The object with the replicas, and of the state, that a Scale asks for."""
    scale = call.served.kind.scale
    assert scale is not None
    sent = (wanted.get("metadata") or {}).get("resourceVersion")
    meta = {**old["metadata"], "resourceVersion": sent or old["metadata"]["resourceVersion"]}
    return with_changes(old, {scale.spec_replicas: _check(call, wanted), ("metadata",): meta})


def _check(call: Call, wanted: Object) -> int:
    """The replicas that a Scale asks for; raises BadRequest, Invalid."""
    spec, meta = wanted.get("spec") or {}, wanted.get("metadata") or {}
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


def _is_legacy(served: Served) -> bool:
    return (served.version.group, served.version.version) in _LEGACY_GROUPS


def _api_version(served: Served) -> str:
    return served.version.api_version if _is_legacy(served) else "autoscaling/v1"


def _shown(served: Served, obj: Object) -> Object:
    """The Scale that a client reads. A custom resource may lack the field of the replicas: raises InternalError."""
    scale = served.kind.scale
    if served.version.structure and scale and get_path(obj, scale.spec_replicas) is None:
        path = "." + ".".join(scale.spec_replicas)
        raise InternalError(f'Internal error occurred: the spec replicas field "{path}" does not exist')
    return view(served, obj)


def view(served: Served, obj: Object) -> Object:
    """An object as its Scale."""
    scale = served.kind.scale
    assert scale is not None
    legacy = _is_legacy(served)
    meta = {name: obj["metadata"][name] for name in _META if name in obj["metadata"]}
    return {
        "kind": "Scale",
        "apiVersion": _api_version(served),
        "metadata": meta,
        "spec": _replicas(obj, scale.spec_replicas),
        "status": {"replicas": get_path(obj, scale.status_replicas, 0)} | _selector(obj, scale, legacy=legacy),
    }


def _replicas(obj: Object, path: tuple[str, ...]) -> dict[str, int]:
    replicas = get_path(obj, path, 0)
    return {"replicas": replicas} if replicas else {}


def _selector(obj: Object, scale: Scale, *, legacy: bool) -> dict[str, Any]:
    tree = get_path(obj, scale.selector) if scale.selector else None
    if not tree:
        return {}
    if isinstance(tree, str):  # custom resources say it as text
        return {"selector": tree}
    is_label_selector = "matchLabels" in tree or "matchExpressions" in tree
    selector = selectors.from_label_selector(tree) if is_label_selector else selectors.from_labels(tree)
    if not legacy:
        return {"selector": str(selector)}
    only_labels = is_label_selector and not tree.get("matchExpressions")
    labels = tree.get("matchLabels") if only_labels else (None if is_label_selector else tree)
    return ({"selector": labels} if labels else {}) | {"targetSelector": str(selector)}
