"""What is wrong with the addresses of a Service and their families, on create and on update (KEP-563)."""

from sampan.kinds.addresses import ip, is_ipv4, is_ipv6, parse_ip, same_family_twice
from sampan.kinds.checks import SPEC, Errors, supported, unique
from sampan.kinds.core.service_types import HEADLESS
from sampan.machinery.meta import Object
from sampan.machinery.validation import invalid, required

CLUSTER_IPS = SPEC.child("clusterIPs")
_FAMILIES, _FAMILY_POLICY = SPEC.child("ipFamilies"), SPEC.child("ipFamilyPolicy")


def validate_cluster_ips(spec: Object) -> Errors:
    """clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy fit each other."""
    first, ips = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    if first and not ips:
        yield required(CLUSTER_IPS)
    elif first and ips[0] != first:
        yield invalid(CLUSTER_IPS, ips, "first value must match `clusterIP`")
    elif ips and not first:
        yield invalid(CLUSTER_IPS, ips, "must be empty when `clusterIP` is not specified")
    yield from _families(spec)
    addresses = ips[1:] if ips[:1] == [HEADLESS] else ips
    if len(addresses) < len(ips) and len(ips) > 1:
        yield invalid(CLUSTER_IPS, ips, "'None' must be the first and only value")
    for index, address in enumerate(addresses):
        yield from ip(CLUSTER_IPS.index(index), address)
    if len(ips) > 2:
        yield invalid(CLUSTER_IPS, ips, "may only hold up to 2 values")
    if all(map(parse_ip, addresses)):
        yield from _dual_stack(spec, addresses)


def _families(spec: Object) -> Errors:
    families = spec.get("ipFamilies") or []
    for index, family in enumerate(families):
        yield from supported(_FAMILIES.index(index), family, ("IPv4", "IPv6"))
    yield from unique(families, _FAMILIES.index)
    policies = ("PreferDualStack", "RequireDualStack", "SingleStack")
    yield from supported(_FAMILY_POLICY, spec.get("ipFamilyPolicy"), policies)


def _dual_stack(spec: Object, addresses: list[str]) -> Errors:
    """Two addresses are of different families, and in the order of ipFamilies."""
    if len(addresses) > 1 and same_family_twice(addresses):
        yield invalid(CLUSTER_IPS, addresses, "may specify no more than one IP for each IP family")
    for index, (address, family) in enumerate(zip(addresses, spec.get("ipFamilies") or (), strict=False)):
        fits = {"IPv4": is_ipv4, "IPv6": is_ipv6}.get(family)
        if fits and not fits(address):
            detail = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            yield invalid(CLUSTER_IPS.index(index), address, detail)


def validate_kept_addresses(after: Object, before: Object) -> Errors:
    """An address may be added or released, never changed."""
    ips, old_ips = after.get("clusterIPs") or [], before.get("clusterIPs") or []
    if old_ips and not ips:
        yield invalid(CLUSTER_IPS.index(0), ips, "primary clusterIP can not be unset")
    for index, (address, old_address) in enumerate(zip(ips, old_ips, strict=False)):
        if address != old_address:
            yield invalid(CLUSTER_IPS.index(index), ips, "may not change once set")
    if len(ips) == 1 < len(old_ips) and after.get("ipFamilyPolicy") != "SingleStack":
        yield invalid(_FAMILY_POLICY, "", "must be set to 'SingleStack' when releasing the secondary clusterIP")


def validate_kept_families(after: Object, before: Object) -> Errors:
    """So may a family."""
    families, old_families = after.get("ipFamilies") or [], before.get("ipFamilies") or []
    if old_families and not families:
        yield invalid(_FAMILIES.index(0), families, "primary ipFamily can not be unset")
    for index, (family, old_family) in enumerate(zip(families, old_families, strict=False)):
        if family != old_family:
            yield invalid(_FAMILIES.index(index), families, "may not change once set")
