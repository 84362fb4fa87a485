"""pods/ephemeralcontainers: debugging containers are added to a pod that exists, and never changed or taken away.

Rules: KEP-277; k8s.io/kubernetes/pkg/apis/core/validation (ValidatePodEphemeralContainersUpdate).
"""

from collections.abc import Iterator

from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.patch import patch_part
from sampan.apiserver.verbs.update import update_part
from sampan.apiserver.writes.write import Part, keep_all_but_spec, validate
from sampan.machinery.errors import FIELD_FORBIDDEN, FieldError
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object

_FIELD = "ephemeralContainers"


async def update(services: Services, call: Call) -> One | Tree:
    """PUT of the whole pod; everything but its ephemeral containers is ignored."""
    return await update_part(services, call, _PART)


async def patch(services: Services, call: Call) -> One | Tree:
    """PATCH of the pod, as kubectl debug does it."""
    return await patch_part(services, call, _PART)


def _narrow(new: Object, old: Object) -> None:
    """Everything but the ephemeral containers is put back."""
    keep_all_but_spec(new, old, {**old["spec"], _FIELD: new["spec"].get(_FIELD) or []})


def _validate(call: Call, new: Object, old: Object) -> Iterator[FieldError]:
    by_name = {container["name"]: container for container in new["spec"][_FIELD]}
    if any(by_name.get(container["name"]) != container for container in old["spec"].get(_FIELD) or ()):
        detail = "existing ephemeral containers may not be removed or changed"
        yield FieldError(FIELD_FORBIDDEN, f"spec.{_FIELD}", detail)
    else:
        yield from validate(call, new)


def _prepare(kind: Kind, new: Object, old: Object) -> None:
    _narrow(new, old)


_PART = Part(subresource="ephemeralcontainers", prepare=_prepare, validate=_validate, narrow=_narrow)
