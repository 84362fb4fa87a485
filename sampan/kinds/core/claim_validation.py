"""What is wrong with the spec of a PersistentVolumeClaim: ValidatePersistentVolumeClaimSpec."""

from sampan.kinds.checks import Errors, optional_name, supported
from sampan.kinds.core.volume_claims import VOLUME_MODES, positive_amount, validate_access_modes
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, dns_label, dns_subdomain, invalid, required, validate_label_selector

STORAGE = ("resources", "requests", "storage")
ATTRIBUTES = "volumeAttributesClassName"


def validate_claim_spec(spec: Object, path: Path, *, any_value: bool = False, any_group: bool = False) -> Errors:
    """The spec of a claim, also of one that is made for a pod."""
    if not spec.get("accessModes"):
        yield required(path.child("accessModes"), "at least 1 access mode is required")
    yield from validate_label_selector(spec.get("selector"), path.child("selector"), any_value=any_value)
    yield from validate_access_modes(spec.get("accessModes") or [], path.child("accessModes"))
    size = get_path(spec, STORAGE)
    if size is None:
        yield required(path.child("resources").key("storage"))
    else:
        yield from positive_amount(size, path.child("resources").key("storage"))
    yield from optional_name(path.child("storageClassName"), spec.get("storageClassName"), dns_subdomain)
    yield from supported(path.child("volumeMode"), spec.get("volumeMode"), VOLUME_MODES)
    yield from _sources(spec, path, any_group)
    yield from optional_name(path.child(ATTRIBUTES), spec.get(ATTRIBUTES), dns_subdomain)


def _sources(spec: Object, path: Path, any_group: bool) -> Errors:
    source, ref = spec.get("dataSource"), spec.get("dataSourceRef")
    for field, given in (("dataSource", source), ("dataSourceRef", ref)):
        if given is not None:
            yield from _source(given, path.child(field), any_group)
    if source is None or ref is None:
        return
    if ref.get("namespace"):
        detail = "may not be specified when dataSourceRef.namespace is specified"
        yield invalid(path, str(path.child("dataSource")), detail)
    elif any((source.get(field) or "") != (ref.get(field) or "") for field in ("apiGroup", "kind", "name")):
        yield invalid(path, str(path.child("dataSource")), "must match dataSourceRef")


def _source(source: Object, path: Path, any_group: bool) -> Errors:
    for field in ("name", "kind"):
        if not source.get(field):
            yield required(path.child(field))
    group, kind = source.get("apiGroup") or "", source.get("kind") or ""
    if not group and kind != "PersistentVolumeClaim":
        yield invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")
    if not any_group:
        yield from optional_name(path.child("apiGroup"), group, dns_subdomain)
    yield from optional_name(path.child("namespace"), source.get("namespace"), dns_label)
