"""pods/resize: more or less CPU and memory for a pod that runs. Everything else in what is sent is ignored.

Rules: KEP-1287; k8s.io/kubernetes/pkg/registry/core/pod (podResizeStrategy). What may change is
kinds/core/resize_validation.py's to say.
"""

from collections.abc import Iterator

from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.patch import patch_part
from sampan.apiserver.verbs.update import update_part
from sampan.apiserver.writes.write import Part, keep_all_but_spec, validate
from sampan.kinds.core.pod_level_resources import default_pod_level
from sampan.kinds.core.resize_validation import validate_resize
from sampan.machinery.errors import FieldError
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object

_LISTS = ("containers", "initContainers")
_SIZES = ("resources", "resizePolicy")


async def update(services: Services, call: Call) -> One | Tree:
    """PUT of the whole pod."""
    return await update_part(services, call, _PART)


async def patch(services: Services, call: Call) -> One | Tree:
    """PATCH of the pod, as `kubectl patch --subresource resize` does it."""
    return await patch_part(services, call, _PART)


def _narrow(new: Object, old: Object) -> None:
    """Everything but sizes is put back; where containers came, went or moved, validation shall see it."""
    after, before = new["spec"], old["spec"]
    if any(_names(after, field) != _names(before, field) for field in _LISTS):
        return
    spec = {**before, **{field: _sized(after[field], before[field]) for field in _LISTS if before.get(field)}}
    if after.get("resources") is not None:  # clients that know nothing of it leave it out
        spec["resources"] = after["resources"]
    keep_all_but_spec(new, old, spec)


def _names(spec: Object, field: str) -> list[str]:
    return [container.get("name") or "" for container in spec.get(field) or ()]


def _sized(after: list[Object], before: list[Object]) -> list[Object]:
    return [
        {**{field: value for field, value in old.items() if field not in _SIZES}, **_sizes(new)}
        for new, old in zip(after, before, strict=True)
    ]


def _sizes(container: Object) -> Object:
    return {field: container[field] for field in _SIZES if field in container}


def _prepare(kind: Kind, new: Object, old: Object) -> None:
    _narrow(new, old)
    default_pod_level(new["spec"])


def _validate(call: Call, new: Object, old: Object) -> Iterator[FieldError]:
    yield from validate(call, new)
    yield from validate_resize(new, old)


_PART = Part(subresource="resize", prepare=_prepare, validate=_validate, narrow=_narrow)
