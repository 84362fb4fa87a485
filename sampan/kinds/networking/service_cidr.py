"""ServiceCIDR: a range from which Services get their addresses, or one of each family. Older versions are identical."""

from collections.abc import Sequence
from datetime import datetime

from sampan.kinds.checks import IMMUTABLE, SPEC, Errors
from sampan.kinds.cidrs import canonical_cidr, parse_cidr
from sampan.kinds.columns import AGE, NAME, joined
from sampan.kinds.prepare import STATUS_METADATA, fresh_status, in_metadata, keeping_metadata
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import invalid, required

_DEFINITION = "io.k8s.api.networking.v1.ServiceCIDR"
_CIDRS = SPEC.child("cidrs")


def _validate(service_cidr: Object) -> Errors:
    cidrs: Sequence[str] = service_cidr["spec"].get("cidrs") or []
    if not cidrs:
        yield required(_CIDRS, "at least one CIDR required")
        return
    if len(cidrs) > 2:
        yield invalid(_CIDRS, service_cidr["spec"], "may only hold up to 2 values")
        return
    for index, text in enumerate(cidrs):
        yield from canonical_cidr(_CIDRS.index(index), text)
    networks = [network for text in cidrs if (network := parse_cidr(text))]
    if len(networks) == 2 and networks[0].version == networks[1].version:
        detail = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        yield invalid(_CIDRS, cidrs, detail)


def _validate_update(new: Object, old: Object) -> Errors:
    """The ranges are for life, but one of the other family may come."""
    after, before = new["spec"].get("cidrs") or [], old["spec"].get("cidrs") or []
    grown = (len(before), len(after)) == (1, 2)
    if len(after) != len(before) and not grown:
        yield invalid(_CIDRS, after, IMMUTABLE)
        return
    for index, text in enumerate(before):
        if after[index] != text:
            yield invalid(_CIDRS.index(index), after[index], IMMUTABLE)
    if grown:
        yield from _validate(new)


def _ranges(service_cidr: Object, now: datetime) -> str:
    return joined(get_path(service_cidr, ("spec", "cidrs"), []))


KIND = Kind(
    name="ServiceCIDR",
    plural="servicecidrs",
    versions=versions("networking.k8s.io", _DEFINITION, v1beta1=("1.34", "1.37"), v1alpha1=("1.30", "1.33")),
    namespaced=False,
    columns=(NAME, Column("CIDRs", _ranges, description="The ranges."), AGE),
    prepare_create=fresh_status(),
    prepare_status_update=keeping_metadata(*STATUS_METADATA),
    reset_fields={"status": in_metadata(*STATUS_METADATA)},
    validate_create=_validate,
    validate_update=_validate_update,
    has_generation=False,
)
