"""PATCH with an apply configuration: server-side apply (KEP-555). Creates what is missing.

machinery/apply.py decides what the object becomes and who owns what; here are the options, the checks and the storing.
"""

from functools import partial
from itertools import islice
from typing import Any

from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import to_storage
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.metadata import settle_name, settle_namespace
from sampan.apiserver.options import WriteOptions
from sampan.apiserver.render.versions import in_version
from sampan.apiserver.services import Services
from sampan.apiserver.writes import pipeline
from sampan.apiserver.writes.ownership import reset_paths
from sampan.apiserver.writes.write import MAIN, Part, Write
from sampan.machinery import last_applied, yamlio
from sampan.machinery.apply import apply
from sampan.machinery.errors import FIELD_REQUIRED, BadRequest, FieldError, InternalError, Invalid
from sampan.machinery.fieldsets import show, undeclared
from sampan.machinery.kind import ObjectCodec
from sampan.machinery.meta import Object, format_time
from sampan.machinery.places import LIMIT
from sampan.machinery.structural.openness import is_open
from sampan.machinery.tree import REMOVED, deep_copy, with_changes

APPLY_PATCH = "application/apply-patch+yaml"


async def apply_patch(services: Services, call: Call, options: WriteOptions, part: Part) -> One | Tree:
    """The object as the apply leaves it. Raises Conflict where another manager owns what would change."""
    if not options.manager:
        error = FieldError(FIELD_REQUIRED, "fieldManager", "is required for apply patch")
        raise Invalid.of("PatchOptions", "meta.k8s.io", "", [error])
    applied = await beside(is_large(call), _configuration, call, options)

    def change(old: Object | None) -> Object:
        live = None if old is None else in_version(call, old)
        return to_storage(call, _merged(call, live, applied, options, part), "Ignore")

    write = Write(
        call=call,
        change=change,
        options=options,
        part=part,
        name=call.info.name,
        creates=part is MAIN,
        tracked=True,
    )
    return await pipeline.update(services, write)


def _configuration(call: Call, options: WriteOptions) -> Object:
    """The body: typed, pruned, without defaults, of the object that the URL names."""
    tree: Any = call.payload.tree
    repeated: list[str] = []
    if tree is None:
        tree, repeated = _parse(call.payload.raw)
    if isinstance(tree, dict) and not (tree.get("apiVersion") and tree.get("kind")):
        raise BadRequest("error decoding YAML: Object 'Kind' or 'apiVersion' is missing")
    if call.record is not None:
        call.record.sent(tree)
    codec = call.catalogue.codec(call.served)
    applied, unknown = codec.read(deep_copy(tree))
    if unknown:
        _refuse_undeclared(call, tree, applied)
    _tell_of_repeated(call, repeated, options.validation)
    applied["metadata"].setdefault("name", call.info.name)
    settle_name(applied, call.info.name)
    if call.served.kind.namespaced:
        settle_namespace(applied, call.info.namespace)
    return applied


def _parse(body: bytes) -> tuple[Any, list[str]]:
    try:
        return yamlio.parse_yaml_told(body)
    except BadRequest as error:
        raise BadRequest(f"error decoding patch: {error.message}") from None


def _refuse_undeclared(call: Call, given: Object, pruned: Object) -> None:
    """Whatever fieldValidation says: a configuration with fields that nobody could own cannot be typed."""
    version = call.served.version
    published = version.structure.published if version.structure else None
    excused = partial(is_open, published or {})
    paths = undeclared(call.catalogue.definition(version).as_field, given, pruned, excused)
    errors = [f"{show(path)}: field not declared in schema" for path in islice(paths, LIMIT)]
    if errors:
        text = errors[0] if len(errors) == 1 else "\n  ".join(["errors:", *errors])
        name = f"{call.info.namespace}/{call.info.name}; {version.api_version}, Kind={call.served.kind.name}"
        raise InternalError(f"failed to create typed patch object ({name}): {text}", reason="")


def _tell_of_repeated(call: Call, repeated: list[str], validation: str) -> None:
    """Keys that a map has twice are an error or warnings, as the client wishes."""
    if repeated and validation == "Strict":
        told = "\n  ".join(["error converting YAML to JSON: yaml: unmarshal errors:", *repeated])
        raise BadRequest(f"error strict decoding patch: {told}")
    if validation == "Warn":
        call.warnings.extend(repeated)


def _merged(call: Call, live: Object | None, applied: Object, options: WriteOptions, part: Part) -> Object:
    codec = call.catalogue.codec(call.served)
    reset = reset_paths(call.served.kind, part.subresource, applied, live or {})
    merged = apply(
        live,
        with_changes(applied, dict.fromkeys(reset, REMOVED)),
        definition=call.catalogue.definition(call.served.version),
        manager=options.manager,
        now=format_time(call.now),
        force=options.force,
        subresource=part.subresource,
        ignored=[path[0] for path in reset if len(path) == 1],
        last_applied=_last_applied(codec, live) if live and options.manager == last_applied.MANAGER else None,
    )
    if options.manager == last_applied.MANAGER:
        last_applied.follow(merged, applied)
    return merged


def _last_applied(codec: ObjectCodec, live: Object) -> Object | None:
    """What client-side apply set, with the defaults that it was given; None where that is no object of this version."""
    try:
        last, _ = codec.check(last_applied.read(live), "Ignore")
    except BadRequest:
        return None
    codec.default(last)
    return last
