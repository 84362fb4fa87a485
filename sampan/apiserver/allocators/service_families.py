"""IP families of a Service, filled in for a cluster that has IPv4 only, and what it asks for in vain. Pure.

A Service without an address and without a selector may name any family: whoever writes its endpoints decides. Rules and
messages: k8s.io/kubernetes/pkg/registry/core/service/storage (alloc.go, initIPFamilyFields); KEP-563.
"""

from collections.abc import Iterator

from sampan.kinds.addresses import parse_ip
from sampan.kinds.core.service_types import HEADLESS, needs_cluster_ip
from sampan.kinds.networking.service_ranges import family_of
from sampan.machinery.errors import FIELD_INVALID, FieldError
from sampan.machinery.meta import Object

IPV4, IPV6 = "IPv4", "IPv6"
SINGLE, PREFER, REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"
_POLICY = "spec.ipFamilyPolicy"
_FIELDS = ("clusterIPs", "ipFamilies")


def settle_families(spec: Object, old: Object | None) -> list[FieldError]:
    """Complete ipFamilyPolicy and ipFamilies of a spec, in place; what is wrong with them."""
    if not needs_cluster_ip(spec) or (old is not None and _is_kept(spec, old)):
        return []
    spec["ipFamilyPolicy"] = policy = spec.get("ipFamilyPolicy") or _policy(spec, old)
    if old is not None and policy == SINGLE:
        _cut(spec, old)
    wrong = [*_reduced(spec, old or {}), *_too_many(spec), *_infer(spec)]
    if wrong:
        return wrong
    if _is_free(spec):
        _both(spec)
        return []
    wrong = list(_in_vain(spec))
    spec["ipFamilies"] = spec.get("ipFamilies") or [IPV4]
    return wrong


def _is_kept(spec: Object, old: Object) -> bool:
    """A Service that takes two families where it can get them is left as it is while nobody changes that."""
    same = all(spec.get(field) == old.get(field) for field in ("type", "ipFamilyPolicy", *_FIELDS))
    return same and spec.get("ipFamilyPolicy") == PREFER


def _is_free(spec: Object) -> bool:
    return spec.get("clusterIP") == HEADLESS and not spec.get("selector")


def _policy(spec: Object, old: Object | None) -> str:
    kept: str = (old or {}).get("ipFamilyPolicy") or ""
    return kept or (REQUIRE if _is_free(spec) else SINGLE)


def _cut(spec: Object, old: Object) -> None:
    """Who goes back to one family need not take away the second one of what it left alone."""
    for field in _FIELDS:
        if len(spec.get(field) or ()) > 1 and spec[field] == old.get(field):
            spec[field] = spec[field][:1]


def _reduced(spec: Object, old: Object) -> Iterator[FieldError]:
    if spec["ipFamilyPolicy"] == SINGLE:
        return
    for field, what in zip(_FIELDS, ("cluster IP", "IP family"), strict=True):
        if spec.get(field) and len(spec[field]) < len(old.get(field) or ()):
            yield _wrong(_POLICY, spec["ipFamilyPolicy"], f"must be 'SingleStack' to release the secondary {what}")


def _too_many(spec: Object) -> Iterator[FieldError]:
    if spec["ipFamilyPolicy"] != SINGLE:
        return
    for field, what in zip(_FIELDS, ("cluster IPs", "IP families"), strict=True):
        if len(spec.get(field) or ()) == 2:
            text = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
            yield _wrong(_POLICY, spec["ipFamilyPolicy"], text)


def _infer(spec: Object) -> Iterator[FieldError]:
    """The families of addresses that were chosen; validation says what is no address."""
    ips, families = spec.get("clusterIPs") or [], list(spec.get("ipFamilies") or ())
    for index, text in enumerate(ips):
        if text == HEADLESS or (address := parse_ip(text)) is None:
            break
        if index < len(families):
            continue
        if family_of(address) != IPV4:
            yield _wrong(f"spec.clusterIPs[{index}]", ips, f"{family_of(address)} is not configured on this cluster")
        families.append(family_of(address))
    spec["ipFamilies"] = families


def _both(spec: Object) -> None:
    families = spec["ipFamilies"] or [IPV4]
    if len(families) < 2 and spec["ipFamilyPolicy"] != SINGLE:
        families = [*families, IPV6 if families[0] == IPV4 else IPV4]
    spec["ipFamilies"] = families


def _in_vain(spec: Object) -> Iterator[FieldError]:
    if spec["ipFamilyPolicy"] == REQUIRE:
        yield _wrong(_POLICY, REQUIRE, "this cluster is not configured for dual-stack services")
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        if family == IPV6:
            yield _wrong(f"spec.ipFamilies[{index}]", family, "not configured on this cluster")


def _wrong(field: str, value: object, detail: str) -> FieldError:
    return FieldError(FIELD_INVALID, field, detail, value)
