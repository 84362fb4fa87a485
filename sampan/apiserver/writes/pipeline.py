"""How an object is written, whoever writes it: one path for create, update, patch, apply and their subresources.

    change       from the current object to the next           the verb (Write.change)
    own          who owns which fields of it                   ownership.py
    mutate       plugins change it                             admission, first phase
    prepare      what this part may not change is put back     the part, the kind
    allocate     addresses and ports                           allocators/
    validate     is it right                                   metadata rules, the part, the kind, the version
    admit        plugins refuse it                             admission, second phase
    store        compare-and-swap                              storing.py

A write that finds the object changed meanwhile starts again at the top, admission included. Deletions are in
deleting.py. The counterpart of k8s.io/apiserver/pkg/registry/generic/registry (Store) and pkg/endpoints/handlers.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from itertools import chain

from sampan.apiserver import metadata
from sampan.apiserver.admission.attributes import CREATE, UPDATE, Admission
from sampan.apiserver.authentication.user import user_info
from sampan.apiserver.authorization.guard import authorized
from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.extensions.views import prepare, working
from sampan.apiserver.keys import storage_key
from sampan.apiserver.services import Services
from sampan.apiserver.writes import ownership
from sampan.apiserver.writes.owners import drop_duplicates
from sampan.apiserver.writes.preconditions import check_uid, refuse_stale, settle_version
from sampan.apiserver.writes.storing import MAX_CONFLICTS, check_open, conflict, insert, missing, replace
from sampan.apiserver.writes.write import Write, validate_new
from sampan.machinery.errors import AlreadyExists, FieldError, Invalid
from sampan.machinery.kind import Kind, Served
from sampan.machinery.meta import Object
from sampan.machinery.metadata import validate_meta, validate_meta_update
from sampan.machinery.tree import deep_copy
from sampan.storage.cached import Cached
from sampan.storage.protocol import RevisionMismatch

_NAME_TRIES = 8  # KEP-4420


async def create(services: Services, write: Write) -> One | Tree:
    """Store a new object. Raises AlreadyExists, Invalid, Forbidden, NotFound (namespace)."""
    check_open(services, write.call.served)
    obj, admission = await _intended(services, write, None, is_large(write.call))
    if obj["metadata"].get("name") or not obj["metadata"].get("generateName"):
        return await _create(services, write, obj, admission)
    for _ in range(_NAME_TRIES):
        named = deep_copy(obj)
        named["metadata"]["name"] = metadata.generate_name(obj["metadata"]["generateName"])
        try:
            return await _create(services, write, named, admission)
        except AlreadyExists:
            continue
    raise _not_generated(write.call.served.kind, named["metadata"]["name"])


def _not_generated(kind: Kind, name: str) -> AlreadyExists:
    """The error where every generated name was taken: the client may try again."""
    error = AlreadyExists.of(kind.plural, kind.group, name)
    why = f"{error.message}, the server was not able to generate a unique name for the object"
    return AlreadyExists(why, details={**error.details, "retryAfterSeconds": 1})


async def update(services: Services, write: Write) -> One | Tree:
    """Replace an object, or make it where the write says so. Raises NotFound, Conflict, Invalid, Forbidden."""
    kind, info = write.call.served.kind, write.call.info
    key = storage_key(kind, info.namespace, write.name)
    for _ in range(MAX_CONFLICTS):
        entry = services.cache.get(key)
        try:
            if entry is not None:
                return await _update(services, write, entry)
            if not write.creates or key in services.cache.unreadable:
                raise missing(services, kind, key)
            await authorized(services.authorizers, write.call, "create")
            return await create(services, write)
        except RevisionMismatch:
            continue
        except AlreadyExists:
            if services.cache.get(key) is None:
                raise
    raise conflict(kind, key)


async def _create(services: Services, write: Write, obj: Object, admission: Admission) -> One | Tree:
    kind, options = write.call.served.kind, write.options
    if not write.name:
        metadata.check_new(obj)
    metadata.prepare_create(kind, obj, write.call.now)
    if kind.prepare_requestor:
        kind.prepare_requestor(obj, user_info(write.call.user))
    if kind.prepare_create:
        kind.prepare_create(obj)
    if kind.stamp:
        kind.stamp(obj, None, write.call.now)
    async with _allocated(services, kind, obj, None, dry_run=options.dry_run):
        found = chain(validate_meta(obj, kind), validate_new(write.call, obj))
        _refuse(write.call.served, obj, await found_errors(kind, found, is_large(write.call)))
        await beside(is_large(write.call), _warn, write.call, obj, kind.warnings, kind.create_warnings)
        admission.obj = obj
        await services.admission.validate(services, admission)
        inserted = insert(
            services,
            write.call.served,
            obj,
            dry_run=options.dry_run,
            large=is_large(write.call),
            applied=write.tracked,
        )
        return await write.call.audit.timed("etcd", inserted)


async def _update(services: Services, write: Write, entry: Cached) -> One | Tree:
    served, part, options = write.call.served, write.part, write.options
    if waiting := prepare(services, served, (entry,)):
        await waiting
    kind, old, large = served.kind, working(served, entry), is_large(write.call, entry)
    new, admission = await _intended(services, write, old, large)
    await beside(large, _prepare, write, new, old)
    async with _allocated(services, kind, new, old, dry_run=options.dry_run):
        found = chain(validate_meta_update(new, old, kind), part.validate(write.call, new, old))
        _refuse(served, new, await found_errors(kind, found, large))
        if part.warns:
            await beside(large, _warn, write.call, new, kind.warnings)
        await beside(large, ownership.keep_times, new, old)
        admission.obj = write.form.show(new) if write.form else new
        await services.admission.validate(services, admission)
        replaced = replace(services, served, entry, new, dry_run=options.dry_run, applied=write.tracked)
        return await write.call.audit.timed("etcd", replaced)


def _prepare(write: Write, new: Object, old: Object) -> None:
    kind = write.call.served.kind
    settle_version(kind, new, old)
    metadata.prepare_update(kind, new, old)
    write.part.prepare(kind, new, old)
    stamp = kind.stamp_status if write.part.subresource == "status" else kind.stamp
    if stamp:
        stamp(new, old, write.call.now)
    metadata.bump_generation(kind, new, old)


async def found_errors(kind: Kind, errors: Iterable[FieldError], large: bool = False) -> list[FieldError]:
    """The errors that a validation finds; one that takes its time runs beside the event loop."""
    return await beside(large or kind.slow_validation, list, errors)


async def _intended(services: Services, write: Write, old: Object | None, large: bool) -> tuple[Object, Admission]:
    """What the client and the plugins want the object to be, with what the second phase of admission is told."""
    form, call = write.form, write.call
    sent = await beside(large, _sent, write, old)
    admission, recorded = _admission(write, sent, old), (sent.get("metadata") or {}).get("managedFields")
    await services.admission.mutate(services, admission)
    new = admission.new
    if form is not None and old is not None:
        new = form.take(old, new)
        ownership.record(call, new, old, write.options, write.part.subresource)
        return new, admission
    ownership.restore_invalid(new, recorded, call.warnings)
    drop_duplicates(new, call.warnings, admitted=True)
    return new, admission


def _sent(write: Write, old: Object | None) -> Object:
    """What the client wants the object to be."""
    sent, call = write.change(old), write.call
    if old is not None:
        check_uid(call.served.kind, sent, old)
        refuse_stale(call.served.kind, sent, old)
        if write.part.narrow:
            write.part.narrow(sent, old)
    drop_duplicates(sent, call.warnings)
    if write.form is None and not write.tracked:
        ownership.record(call, sent, old, write.options, write.part.subresource)
    return sent


def _admission(write: Write, sent: Object, old: Object | None) -> Admission:
    shown = write.form.show(old) if write.form and old is not None else old
    return Admission(
        call=write.call,
        operation=CREATE if old is None else UPDATE,
        obj=sent,
        old=shown,
        subresource=write.part.subresource,
        given=write.options,
        dry_run=write.options.dry_run,
        foreign=write.form is not None,
    )


def _allocated(
    services: Services, kind: Kind, new: Object, old: Object | None, *, dry_run: bool
) -> AbstractAsyncContextManager[None]:
    if not kind.allocator:
        return nullcontext()
    return services.allocators[kind.allocator].reserve(services, new, old, dry_run=dry_run)


def _refuse(served: Served, obj: Object, errors: list[FieldError]) -> None:
    if errors:
        kind = served.kind
        raise Invalid.of(kind.name, kind.group, obj["metadata"].get("name") or "", errors)


def _warn(call: Call, obj: Object, *sources: Callable[[Object], Iterable[str]] | None) -> None:
    for warnings in sources:
        call.warnings.extend(warnings(obj) if warnings else ())
