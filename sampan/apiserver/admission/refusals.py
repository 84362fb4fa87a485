"""How admission says no: the 403 that names the object, in one place for every plugin.

Not here: 422 for invalid fields, which validation words (machinery/errors.py). Form: k8s.io/apiserver/pkg/admission
(NewForbidden).
"""

from sampan.apiserver.admission.attributes import Admission
from sampan.machinery.errors import Forbidden, qualified


def forbidden(admission: Admission, why: str) -> Forbidden:
    """`pods "web" is forbidden: why`; an object whose name is still to be generated is called by the name's base."""
    kind, name = admission.kind, name_of(admission)
    details = {"name": name, "group": kind.group, "kind": kind.plural}
    return Forbidden(
        f'{qualified(kind.plural, kind.group)} "{name}" is forbidden: {why}',
        details={key: value for key, value in details.items() if value},
    )


def name_of(admission: Admission) -> str:
    """The name of the request or the object, else the base of the name to come."""
    meta = (admission.obj or admission.old or {}).get("metadata") or {}
    return admission.call.info.name or meta.get("name") or meta.get("generateName") or "Unknown"
