"""namespaces/finalize: the namespace controller says that a namespace is empty."""

from sampan.apiserver import metadata, writes
from sampan.apiserver.bodies import read_object
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.keys import key_of
from sampan.apiserver.options import write_options
from sampan.apiserver.services import Services
from sampan.machinery.meta import Object


async def finalize(services: Services, call: Call) -> One | Tree:
    """Replace spec.finalizers; a terminating namespace without any is removed."""
    options = write_options(call.query, "UpdateOptions")
    body = read_object(call, options.validation)
    metadata.settle_name(body, call.info.name)

    def change(old: Object) -> Object:
        finalizers = (body.get("spec") or {}).get("finalizers") or []
        spec = {**(old.get("spec") or {}), "finalizers": finalizers}
        sent = {name: value for name, value in body["metadata"].items() if name in ("uid", "resourceVersion")}
        meta = {name: value for name, value in old["metadata"].items() if name != "resourceVersion"}
        return {**old, "metadata": meta | sent, "spec": spec if finalizers else _without(spec, "finalizers")}

    conditional = bool(body["metadata"].get("resourceVersion"))
    how = writes.Update(change, options, "whole", conditional=conditional, subresource="finalize")
    return await writes.update(services, call, key_of(call.served.kind, "", call.info.name), how)


def _without(tree: Object, field: str) -> Object:
    return {name: value for name, value in tree.items() if name != field}
