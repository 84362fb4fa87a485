"""Going back to an earlier revision by the rollback annotation, which extensions/v1beta1 clients set. Pure.

Newer clients (`kubectl rollout undo`) patch the template themselves. Events: upstream's rollback.go.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sampan.controllers.deployment.revision import (
    LAST_APPLIED,
    OWN_ANNOTATIONS,
    ROLLBACK_TO,
    previous_revision,
    revision_of,
    same_template,
    without_hash,
)
from sampan.machinery.meta import Object, annotations_of, integer_of
from sampan.reconcile.events import NORMAL, WARNING


class RolledBack(NamedTuple):
    """The Deployment to write, and the event that tells of it."""

    deployment: Object
    type: str
    reason: str
    message: str


def roll_back(deployment: Object, sets: Sequence[Object]) -> RolledBack:
    """The Deployment with the template of the revision that its annotation names (0: the one before), without the note.

    Where there is no such revision, or it is the present one, only the note goes.
    """
    wanted = max(integer_of(annotations_of(deployment)[ROLLBACK_TO]) or 0, 0)
    number = wanted or previous_revision(sets)
    plain = _without_note(deployment)
    if number == 0:
        message = "Unable to find last revision."
        return RolledBack(plain, WARNING, "DeploymentRollbackRevisionNotFound", message)
    for rs in sets:
        if revision_of(rs) == number:
            return _to(plain, rs, number)
    message = "Unable to find the revision to rollback to."
    return RolledBack(plain, WARNING, "DeploymentRollbackRevisionNotFound", message)


def _to(deployment: Object, rs: Object, number: int) -> RolledBack:
    name = deployment["metadata"]["name"]
    if same_template(deployment["spec"]["template"], rs["spec"]["template"]):
        message = f'The rollback revision contains the same template as current deployment "{name}"'
        return RolledBack(deployment, WARNING, "DeploymentRollbackTemplateUnchanged", message)
    restored = {**deployment, "spec": {**deployment["spec"], "template": without_hash(rs["spec"]["template"])}}
    own = {key: value for key, value in annotations_of(deployment).items() if key in OWN_ANNOTATIONS}
    from_rs = {key: value for key, value in annotations_of(rs).items() if key not in OWN_ANNOTATIONS - {LAST_APPLIED}}
    message = f'Rolled back deployment "{name}" to revision {number}'
    return RolledBack(_with(restored, from_rs | own), NORMAL, "DeploymentRollback", message)


def _without_note(deployment: Object) -> Object:
    kept = {name: value for name, value in annotations_of(deployment).items() if name != ROLLBACK_TO}
    return _with(deployment, kept)


def _with(deployment: Object, annotations: dict[str, str]) -> Object:
    return {**deployment, "metadata": {**deployment["metadata"], "annotations": annotations}}
