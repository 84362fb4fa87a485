"""What a verb says of a write: where, by which change, and of which part of the object.

A `Part` is what the object itself, its status and its other subresources differ in; a kind's file has the rest. Called
by verbs and subresources, carried out by pipeline.py. The counterpart of rest.UpdatedObjectInfo and of the strategies
that k8s.io/kubernetes/pkg/registry keeps for each subresource.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sampan.apiserver.call import Call
from sampan.apiserver.options import WriteOptions
from sampan.machinery.errors import FieldError
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object

_OF_REQUEST = ("resourceVersion", "managedFields")

# From the current object (shared: not to be changed; None where there is none) to the next one (private).
Change = Callable[[Object | None], Object]


class Form(NamedTuple):
    """The shape in which clients and admission see an object through a subresource (a Scale of a Deployment)."""

    show: Callable[[Object], Object]
    take: Callable[[Object, Object], Object]  # (current object, what was sent) -> the next object, private


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`prepare` puts back in the new object (private) what this part may not change; `validate` says what is wrong."""

    subresource: str = ""
    prepare: Callable[[Kind, Object, Object], None]  # (kind, new, old)
    validate: Callable[[Call, Object, Object], Iterable[FieldError]]  # (call, new, old)
    narrow: Callable[[Object, Object], None] | None = None  # (new, old): as prepare, before owners are recorded
    warns: bool = False  # whether the kind's warnings are of interest


class Write(NamedTuple):
    """One create, update, patch or apply."""

    call: Call
    change: Change
    options: WriteOptions
    part: Part
    name: str = ""  # "" for a create, whose object has its own
    creates: bool = False  # whether an object that is missing is made
    tracked: bool = False  # whether the change has settled managedFields itself (an apply)
    form: Form | None = None


def keep(new: Object, old: Object, fields: Iterable[str]) -> None:
    """Put back top-level fields, in place."""
    for field in fields:
        if field in old:
            new[field] = old[field]
        else:
            new.pop(field, None)


def keep_all_but_spec(new: Object, old: Object, spec: Object) -> None:
    """Put back everything but this spec, and what the metadata says of the request, in place."""
    sent = {field: new["metadata"][field] for field in _OF_REQUEST if field in new["metadata"]}
    meta = {field: value for field, value in old["metadata"].items() if field not in _OF_REQUEST}
    new.clear()
    new.update({**old, "metadata": meta | sent, "spec": spec})


def _prepare_main(kind: Kind, new: Object, old: Object) -> None:
    if kind.has_status:
        keep(new, old, ["status"])
    if kind.prepare_update:
        kind.prepare_update(new, old)


def _validate_main(call: Call, new: Object, old: Object) -> Iterator[FieldError]:
    yield from call.catalogue.validator(call.served).changes(new, old)
    for source in call.served:
        if source.validate_update:
            yield from source.validate_update(new, old)
    yield from validate(call, new)


def validate(call: Call, obj: Object) -> Iterator[FieldError]:
    """What is wrong with an object by itself, by the rules of its kind and of the version that the client used."""
    yield from call.catalogue.validator(call.served).errors(obj)
    for source in call.served:
        if source.validate:
            yield from source.validate(obj)


def validate_new(call: Call, obj: Object) -> Iterator[FieldError]:
    """What is wrong with an object that is to be created."""
    yield from call.catalogue.validator(call.served).errors(obj)
    for source in call.served:
        for check in (source.validate, source.validate_create):
            if check:
                yield from check(obj)


def prepare_status(kind: Kind, new: Object, old: Object) -> None:
    """Put back everything but the status and the metadata."""
    keep(new, old, [field for field in {*new, *old} if field not in ("metadata", "status")])
    if kind.prepare_status_update:
        kind.prepare_status_update(new, old)


def _validate_status(call: Call, new: Object, old: Object) -> Iterable[FieldError]:
    kind = call.served.kind
    return kind.validate_status_update(new, old) if kind.validate_status_update else ()


MAIN = Part(prepare=_prepare_main, validate=_validate_main, warns=True)
STATUS = Part(subresource="status", prepare=prepare_status, validate=_validate_status)
SCALE = Part(subresource="scale", prepare=_prepare_main, validate=_validate_main)
