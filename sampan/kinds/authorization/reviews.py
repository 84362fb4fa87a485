"""What the access reviews share: versions, and what is wrong with a question. They are answered, never stored."""

from collections.abc import Callable

from sampan.kinds.checks import SPEC, Errors
from sampan.machinery.kind import Conversion, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.schema import Schema
from sampan.machinery.validation import invalid

GROUP = "authorization.k8s.io"
_V1, _V1BETA1 = "io.k8s.api.authorization.v1.", "io.k8s.api.authorization.v1beta1."
_RESOURCE, _OTHER = SPEC.child("resourceAttributes"), SPEC.child("nonResourceAttributes")


def versions(name: str) -> tuple[ServedVersion, ServedVersion]:
    """v1 and the identical v1beta1."""
    return ServedVersion(GROUP, "v1", _V1 + name), _beta(name, _V1 + name, None)


def versions_with_groups(name: str) -> tuple[ServedVersion, ServedVersion]:
    """v1 and v1beta1, which called the field of a user's groups `group`."""
    convert = Conversion(lambda obj: _rename(obj, "group", "groups"), lambda obj: _rename(obj, "groups", "group"))
    return ServedVersion(GROUP, "v1", _V1 + name), _beta(name, _V1BETA1 + name, convert)


def with_groups(name: str) -> Callable[[Schema], None]:
    """What adds the v1beta1 types of such a kind to the field schema."""

    def define(known: Schema) -> None:
        groups = known.definition(_V1 + "SubjectAccessReviewSpec").fields["groups"]
        spec = _V1BETA1 + "SubjectAccessReviewSpec"
        known.derive(spec, _V1 + "SubjectAccessReviewSpec", {"group": groups}, drop=["groups"])
        known.derive(_V1BETA1 + name, _V1 + name, {"spec": spec})

    return define


def _beta(name: str, definition: str, convert: Conversion | None) -> ServedVersion:
    return ServedVersion(
        GROUP,
        "v1beta1",
        definition,
        convert=convert,
        deprecated="1.19",
        removed="1.22",
        replacement=f"{GROUP}/v1 {name}",
    )


def _rename(obj: Object, old: str, new: str) -> Object:
    spec = obj.get("spec") or {}
    return {**obj, "spec": {new if field == old else field: value for field, value in spec.items()}}


def validate_attributes(review: Object) -> Errors:
    """A question is about a resource or about a path, never both."""
    spec = review.get("spec") or {}
    resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and other is not None:
        yield invalid(_OTHER, other, "cannot be specified in combination with resourceAttributes")
    if resource is None and other is None:
        detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        yield invalid(_RESOURCE, None, detail)


def validate_subject(review: Object) -> Errors:
    """Somebody is asked about."""
    spec = review.get("spec") or {}
    if not spec.get("user") and not spec.get("groups"):
        yield invalid(SPEC.child("user"), spec.get("user") or "", "at least one of user or group must be specified")
