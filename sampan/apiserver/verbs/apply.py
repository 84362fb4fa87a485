"""PATCH with an apply configuration: server-side apply (KEP-555). Creates what is missing.

machinery/apply.py decides what the object becomes and who owns what; here are the options, the checks and the storing.
"""

from typing import Any

from sampan.apiserver import writes
from sampan.apiserver.authorization.guard import authorize
from sampan.apiserver.bodies import to_storage
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.keys import key_of
from sampan.apiserver.metadata import settle_name, settle_namespace
from sampan.apiserver.options import WriteOptions
from sampan.apiserver.render.versions import in_version
from sampan.apiserver.services import Services
from sampan.machinery import yamlio
from sampan.machinery.apply import apply
from sampan.machinery.errors import FIELD_REQUIRED, BadRequest, FieldError, Invalid
from sampan.machinery.meta import Object, format_time
from sampan.machinery.tree import deep_copy

APPLY_PATCH = "application/apply-patch+yaml"
_TYPE = ("apiVersion", "kind", "metadata")


async def apply_patch(services: Services, call: Call, options: WriteOptions, part: writes.Part) -> One | Tree:
    """The object as the apply leaves it. Raises Conflict where another manager owns what would change."""
    if not options.manager:
        error = FieldError(FIELD_REQUIRED, "fieldManager", "is required for apply patch")
        raise Invalid.of("PatchOptions", "meta.k8s.io", "", [error])
    key = key_of(call.served.kind, call.info.namespace, call.info.name)
    applied = _configuration(call, options)
    if services.cache.get(key) is None and part == "main":
        authorize(services, call.user, call.info._replace(verb="create"))
        obj = to_storage(call, _merged(call, None, applied, options, part), "Ignore")
        return await writes.create(services, call, obj, options._replace(manager=""), tracked=True)

    def change(old: Object) -> Object:
        merged = _merged(call, in_version(call, old), applied, options, part)
        return to_storage(call, merged, "Ignore")

    conditional = bool(applied["metadata"].get("resourceVersion"))
    subresource = "status" if part == "status" else ""
    how = writes.Update(change, options, part, conditional=conditional, subresource=subresource, tracked=True)
    return await writes.update(services, call, key, how)


def _configuration(call: Call, options: WriteOptions) -> Object:
    """The body: typed, pruned, without defaults, of the object that the URL names."""
    tree: Any = call.payload.tree
    duplicates: list[str] = []
    if tree is None:
        tree, duplicates = yamlio.parse_yaml_strict(call.payload.raw)
    if isinstance(tree, dict) and not (tree.get("apiVersion") and tree.get("kind")):
        raise BadRequest("error decoding YAML: Object 'Kind' or 'apiVersion' is missing")
    codec = call.catalogue.codec(call.served)
    applied, warnings = codec.check(deep_copy(tree), options.validation, duplicates)
    call.warnings.extend(warnings)
    applied["metadata"].setdefault("name", call.info.name)
    settle_name(applied, call.info.name)
    if call.served.kind.namespaced:
        settle_namespace(applied, call.info.namespace)
    return applied


def _merged(call: Call, live: Object | None, applied: Object, options: WriteOptions, part: writes.Part) -> Object:
    names = {*applied, *(live or {})}
    fixed = [name for name in names if name not in (*_TYPE, "status")] if part == "status" else ["status"]
    return apply(
        live,
        applied,
        definition=call.catalogue.definition(call.served.version),
        manager=options.manager,
        now=format_time(call.now),
        force=options.force,
        subresource="status" if part == "status" else "",
        ignored=fixed if call.served.kind.has_status else (),
    )
