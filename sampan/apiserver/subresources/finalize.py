"""namespaces/finalize: the namespace controller says that a namespace is empty."""

from collections.abc import Iterable

from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.update import update_part
from sampan.apiserver.writes.write import Part, keep_all_but_spec, validate
from sampan.machinery.errors import FieldError
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object


async def finalize(services: Services, call: Call) -> One | Tree:
    """Replace spec.finalizers; a terminating namespace without any is removed."""
    return await update_part(services, call, _PART)


def _narrow(new: Object, old: Object) -> None:
    """The finalizers of the spec are taken from the request, all else stays."""
    finalizers = (new.get("spec") or {}).get("finalizers")
    spec = {name: value for name, value in (old.get("spec") or {}).items() if name != "finalizers"}
    keep_all_but_spec(new, old, spec | ({"finalizers": finalizers} if finalizers else {}))


def _validate(call: Call, new: Object, old: Object) -> Iterable[FieldError]:
    return validate(call, new)


def _prepare(kind: Kind, new: Object, old: Object) -> None:
    _narrow(new, old)


_PART = Part(subresource="finalize", prepare=_prepare, validate=_validate, narrow=_narrow)
