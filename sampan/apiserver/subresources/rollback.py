"""deployments/rollback: asks the Deployment controller, by spec.rollbackTo, to go back.

Only extensions/v1beta1 and apps/v1beta1 had it. Storage has no such field; the conversion of these versions keeps it
in the annotation that upstream uses.
"""

from typing import Any

from sampan.apiserver.admission.foreign import mutated
from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import read_body, unrecognized
from sampan.apiserver.call import Call, Tree
from sampan.apiserver.keys import storage_key
from sampan.apiserver.options import write_options
from sampan.apiserver.services import Services
from sampan.apiserver.writes.storing import guaranteed_update
from sampan.machinery.errors import FIELD_REQUIRED, BadRequest, FieldError, Invalid
from sampan.machinery.meta import Object

ROLLBACK_TO = "deprecated.deployment.rollback.to"


async def rollback(services: Services, call: Call) -> Tree:
    """A Status. Raises BadRequest, Invalid, NotFound."""
    options = write_options(call.query, "CreateOptions")
    sent = await beside(is_large(call), read_body, call, "DeploymentRollback")
    body = {**sent, "apiVersion": call.served.version.api_version, "kind": "DeploymentRollback"}
    admission = await mutated(services, call, body, options, "rollback")
    revision, added = _checked(call, admission.new)
    await services.admission.validate(services, admission)

    def change(old: Object) -> Object:
        annotations = (old["metadata"].get("annotations") or {}) | added | {ROLLBACK_TO: str(revision)}
        return {**old, "metadata": {**old["metadata"], "annotations": annotations}}

    kind, info = call.served.kind, call.info
    key = storage_key(kind, info.namespace, info.name)
    await guaranteed_update(services, kind, key, change, dry_run=options.dry_run)
    message = f'rollback request for deployment "{info.name}" succeeded'
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "message": message,
        "code": 200,
    }
    return Tree(status, 200)


def _checked(call: Call, wanted: dict[str, Any]) -> tuple[int, dict[str, str]]:
    name, target = wanted.get("name"), wanted.get("rollbackTo") or {}
    added = wanted.get("updatedAnnotations") or {}
    if not name:
        error = FieldError(FIELD_REQUIRED, "name", "name is required")
        raise Invalid.of("DeploymentRollback", "extensions", "", [error])
    if name != call.info.name:
        raise BadRequest(f"name in URL does not match name in DeploymentRollback object: {name}")
    revision = target.get("revision", 0) if isinstance(target, dict) else None
    if type(revision) is not int or not isinstance(added, dict):
        raise unrecognized("DeploymentRollback")
    return revision, {str(key): str(value) for key, value in added.items()}
