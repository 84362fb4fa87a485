"""pods/ephemeralcontainers: debugging containers are added to a pod that exists, and never changed or taken away.

Rules: KEP-277; k8s.io/kubernetes/pkg/apis/core/validation (ValidatePodEphemeralContainersUpdate).
"""

from sampan.apiserver import metadata, writes
from sampan.apiserver.bodies import read_object, to_storage
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.keys import key_of
from sampan.apiserver.options import WriteOptions, write_options
from sampan.apiserver.render.versions import in_version
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.patch import applier
from sampan.machinery.errors import FIELD_FORBIDDEN, FieldError, Invalid
from sampan.machinery.meta import Object
from sampan.machinery.tree import deep_copy

_FIELD = "ephemeralContainers"


async def update(services: Services, call: Call) -> One | Tree:
    """PUT of the whole pod; everything but its ephemeral containers is ignored."""
    options = write_options(call.query, "UpdateOptions")

    def change(old: Object) -> Object:
        wanted = read_object(call, options.validation)
        metadata.settle_name(wanted, call.info.name)
        return _with(call, old, wanted)

    return await _write(services, call, options, change)


async def patch(services: Services, call: Call) -> One | Tree:
    """PATCH of the pod, as kubectl debug does it."""
    options = write_options(call.query, "PatchOptions")
    apply = applier(call)

    def change(old: Object) -> Object:
        patched = apply(deep_copy(in_version(call, old)))
        return _with(call, old, to_storage(call, patched, options.validation))

    return await _write(services, call, options, change)


async def _write(services: Services, call: Call, options: WriteOptions, change: writes.Change) -> One | Tree:
    key = key_of(call.served.kind, call.info.namespace, call.info.name)
    return await writes.update(
        services, call, key, writes.Update(change, options, "whole", subresource="ephemeralcontainers")
    )


def _with(call: Call, old: Object, wanted: Object) -> Object:
    """The old pod with the wanted containers; raises Invalid where a known one differs, or the pod becomes invalid."""
    containers = wanted["spec"].get(_FIELD) or []
    before = old["spec"].get(_FIELD) or []
    by_name = {container["name"]: container for container in containers}
    if any(by_name.get(container["name"]) != container for container in before):
        detail = "existing ephemeral containers may not be removed or changed"
        raise Invalid.of("Pod", "", call.info.name, [FieldError(FIELD_FORBIDDEN, f"spec.{_FIELD}", detail)])
    spec = {**old["spec"], _FIELD: containers}
    new = {**old, "metadata": {**old["metadata"]}, "spec": spec}
    sent = wanted["metadata"].get("resourceVersion")
    if sent:
        new["metadata"]["resourceVersion"] = sent
    validate = call.served.kind.validate
    if errors := list(validate(new)) if validate else []:
        raise Invalid.of("Pod", "", call.info.name, errors)
    return new
