"""VolumeAttributesClass: attributes of a volume that may be changed while it is in use, such as its speed.

Rules and texts: k8s.io/kubernetes/pkg/apis/storage/validation.
"""

from sampan.kinds.checks import Errors
from sampan.kinds.columns import AGE, NAME, text
from sampan.kinds.storage.provisioners import validate_parameters, validate_provisioner
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.tree import semantic_equal
from sampan.machinery.validation import forbidden, required


def _validate(attributes: Object) -> Errors:
    yield from validate_provisioner(attributes.get("driverName") or "", "driverName")
    parameters = attributes.get("parameters") or {}
    yield from validate_parameters(parameters)
    if not parameters:
        yield required("parameters", "must contain at least one key/value pair")


def _validate_update(new: Object, old: Object) -> Errors:
    for field in ("driverName", "parameters"):
        if not semantic_equal(new.get(field), old.get(field)):
            yield forbidden(field, f"updates to {field} are forbidden.")


KIND = Kind(
    name="VolumeAttributesClass",
    plural="volumeattributesclasses",
    versions=versions(
        "storage.k8s.io",
        "io.k8s.api.storage.v1.VolumeAttributesClass",
        v1beta1=("1.34", "1.37"),
        v1alpha1=("1.32", "1.35"),
    ),
    namespaced=False,
    short_names=("vac",),
    columns=(NAME, Column("DriverName", text("driverName"), description="The driver that knows them."), AGE),
    validate=_validate,
    validate_update=_validate_update,
    has_status=False,
    has_generation=False,
)
