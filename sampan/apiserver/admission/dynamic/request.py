"""The request as webhooks and expressions are told of it: AdmissionRequest without its uid and its objects.

Upstream: k8s.io/api/admission/v1 (AdmissionRequest).
"""

from typing import Any

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.dynamic.rules import Place
from sampan.apiserver.admission.dynamic.versions import Versions
from sampan.apiserver.authentication.user import user_info
from sampan.machinery.meta import Object


def request_tree(versions: Versions, place: Place) -> Object:
    """The request where the object is shown in the version of `place`."""
    admission = versions.admission
    shown, sent = versions.kind_in(place), admission.sent
    tree: dict[str, Any] = {"kind": shown._asdict(), "resource": _resource(place, admission.kind.plural)}
    tree |= {"requestKind": sent._asdict(), "requestResource": _resource(versions.target.place, admission.kind.plural)}
    if admission.subresource:
        tree |= {"subResource": admission.subresource, "requestSubResource": admission.subresource}
    tree |= {key: text for key, text in _texts(admission) if text}
    tree |= {"operation": admission.operation, "userInfo": user_info(admission.user), "dryRun": admission.dry_run}
    tree["options"] = admission.options or None
    return tree


def _texts(admission: Admission) -> tuple[tuple[str, str], ...]:
    return (("name", admission.name), ("namespace", admission.namespace))


def _resource(place: Place, plural: str) -> dict[str, str]:
    return {"group": place.group, "version": place.version, "resource": plural}
