"""What the access reviews share: versions, and what is wrong with a question. They are answered, never stored.

Rules and texts: k8s.io/kubernetes/pkg/apis/authorization/validation.
"""

from collections.abc import Callable

from sampan.kinds.checks import METADATA, SPEC, Errors, each
from sampan.machinery.kind import Conversion, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.names import label_value, qualified_name
from sampan.machinery.schema import Schema
from sampan.machinery.validation import Path, check, forbidden, invalid, required

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
    for field, one in (("fieldSelector", _field_requirement), ("labelSelector", _label_requirement)):
        selector = (resource or {}).get(field)
        if selector is not None:
            yield from _selector(selector, _RESOURCE.child(field), one)


def validate_metadata(review: Object, *allowed: str) -> Errors:
    """A review has no name, and nothing else of an object's."""
    meta = {field: value for field, value in review["metadata"].items() if value and field != "managedFields"}
    if meta.keys() - set(allowed):
        but = f" except for {allowed[0]}" if allowed else ""
        yield invalid(METADATA, meta, f"must be empty{but}")


def _selector(selector: Object, path: Path, one: Callable[[Object, Path], Errors]) -> Errors:
    raw, requirements = selector.get("rawSelector"), selector.get("requirements")
    if raw and requirements:
        yield invalid(path.child("rawSelector"), raw, "may not specified at the same time as requirements")
    if not raw and not requirements:
        detail = f"when {path} is specified, requirements or rawSelector is required"
        yield required(path.child("requirements"), detail)
    yield from each(path.child("requirements"), requirements, one)


def _field_requirement(item: Object, path: Path) -> Errors:
    if not item.get("key"):
        yield required(path.child("key"), "must be specified")
    yield from _values(item, path.child("values"))


def _label_requirement(item: Object, path: Path) -> Errors:
    yield from _values(item, path.child("values"))
    yield from check(path.child("key"), item.get("key") or "", qualified_name(item.get("key") or ""))
    for at, value in enumerate(item.get("values") or ()):
        yield from check(path.child("values").index(at), value, label_value(value))


def _values(item: Object, path: Path) -> Errors:
    """Operators that nobody knows are let pass: a newer client's question is answered as a broader one."""
    operator, values = item.get("operator") or "", item.get("values")
    if operator in ("In", "NotIn") and not values:
        yield required(path, "must be specified when `operator` is 'In' or 'NotIn'")
    if operator in ("Exists", "DoesNotExist") and values:
        yield forbidden(path, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")


def validate_subject(review: Object) -> Errors:
    """Somebody is asked about."""
    spec = review.get("spec") or {}
    if not spec.get("user") and not spec.get("groups"):
        yield invalid(SPEC.child("user"), spec.get("user") or "", "at least one of user or group must be specified")
