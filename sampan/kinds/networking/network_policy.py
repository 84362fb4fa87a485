"""NetworkPolicy: which traffic some pods take and send. extensions/v1beta1 is identical.

Rules and texts: k8s.io/kubernetes/pkg/apis/networking/validation.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sampan.kinds.checks import SPEC, Errors, each, supported
from sampan.kinds.cidrs import cidr, cidr_warnings, parse_cidr
from sampan.kinds.columns import AGE, NAME, NONE
from sampan.kinds.inert import nothing_acts
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, Required
from sampan.machinery.selectors import from_label_selector
from sampan.machinery.tree import get_path
from sampan.machinery.validation import (
    Path,
    check,
    forbidden,
    invalid,
    port_name,
    port_number,
    required,
    validate_label_selector,
)

_DEFINITION = "io.k8s.api.networking.v1.NetworkPolicy"
_DIRECTIONS = (("ingress", "from"), ("egress", "to"))
_TYPES = ("Ingress", "Egress")


def _default_types(spec: Object) -> None:
    """A policy that does not say so is about what comes in, and about what goes out if it has rules for that."""
    if not spec.get("policyTypes"):
        spec["policyTypes"] = list(_TYPES) if spec.get("egress") else ["Ingress"]


def _validate(policy: Object, known: frozenset[str] = frozenset(), any_value: bool = False) -> Errors:
    """`known` are ranges that the old object had: they stay good."""
    spec = policy["spec"]

    def peer(item: Object, path: Path) -> Errors:
        return _peer(item, path, known, any_value)

    yield from validate_label_selector(spec.get("podSelector"), SPEC.child("podSelector"), any_value=any_value)
    for direction, peers in _DIRECTIONS:
        for index, rule in enumerate(spec.get(direction) or ()):
            path = SPEC.child(direction).index(index)
            yield from each(path.child("ports"), rule.get("ports"), _port)
            yield from each(path.child(peers), rule.get(peers), peer)
    types, path = spec.get("policyTypes") or [], SPEC.child("policyTypes")
    if len(types) > len(_TYPES):
        yield invalid(path, types, "may not specify more than two policyTypes")
        return
    for index, type_ in enumerate(types):
        yield from supported(path.index(index), type_, _TYPES)


def _port(port: Object, path: Path) -> Errors:
    number: Any = port.get("port")
    if isinstance(number, str):
        yield from _no_end(port, path, "may not be specified when `port` is non-numeric")
        yield from check(path.child("port"), number, port_name(number))
    elif number is None:
        yield from _no_end(port, path, "may not be specified when `port` is not specified")
    else:
        yield from check(path.child("port"), number, port_number(number))
        if (end := port.get("endPort")) is not None:
            if end < number:
                yield invalid(path.child("endPort"), end, "must be greater than or equal to `port`")
            yield from check(path.child("endPort"), end, port_number(end))


def _no_end(port: Object, path: Path, detail: str) -> Errors:
    if port.get("endPort") is not None:
        yield invalid(path.child("endPort"), port["endPort"], detail)


def _peer(peer: Object, path: Path, known: frozenset[str], any_value: bool) -> Errors:
    for field in ("podSelector", "namespaceSelector"):
        yield from validate_label_selector(peer.get(field), path.child(field), any_value=any_value)
    block = peer.get("ipBlock")
    if block is not None:
        yield from _block(block, path.child("ipBlock"), known)
    given = [f for f in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(f) is not None]
    if not given:
        yield required(path, "must specify a peer")
    elif len(given) > 1 and block is not None:
        yield forbidden(path, "may not specify both ipBlock and another peer")


def _block(block: Object, path: Path, known: frozenset[str]) -> Errors:
    if not (text := block.get("cidr")):
        return
    yield from () if text in known else cidr(path.child("cidr"), text)
    outer = parse_cidr(text)
    for index, hole in enumerate(block.get("except") or ()):
        at, inner = path.child("except").index(index), parse_cidr(hole)
        yield from () if hole in known else cidr(at, hole)
        if outer is None or inner is None:
            continue
        if inner.version != outer.version or inner == outer or not inner.subnet_of(outer):  # type: ignore[arg-type]
            yield invalid(at, hole, "must be a strict subset of `cidr`")


def _validate_update(new: Object, old: Object) -> Errors:
    selectors = [old["spec"].get("podSelector")]
    ranges: set[str] = set()
    for peer in _peers(old):
        selectors += [peer.get("podSelector"), peer.get("namespaceSelector")]
        block = peer.get("ipBlock") or {}
        ranges |= {block.get("cidr") or "", *(block.get("except") or ())}
    any_value = any(any(validate_label_selector(selector, Path())) for selector in selectors)
    return _validate(new, frozenset(ranges), any_value)


def _peers(policy: Object) -> Iterator[Object]:
    for direction, peers in _DIRECTIONS:
        for rule in policy["spec"].get(direction) or ():
            yield from rule.get(peers) or ()


def _warnings(policy: Object) -> Iterator[str]:
    for direction, peers in _DIRECTIONS:
        for index, rule in enumerate(policy["spec"].get(direction) or ()):
            for position, peer in enumerate(rule.get(peers) or ()):
                path = SPEC.child(direction).index(index).child(peers).index(position).child("ipBlock")
                block = peer.get("ipBlock") or {}
                yield from cidr_warnings(path.child("cidr"), block.get("cidr") or "")
                for hole, text in enumerate(block.get("except") or ()):
                    yield from cidr_warnings(path.child("except").index(hole), text)


def _selector(policy: Object, now: datetime) -> str:
    return str(from_label_selector(get_path(policy, ("spec", "podSelector"), {}))) or NONE


KIND = Kind(
    name="NetworkPolicy",
    plural="networkpolicies",
    versions=(
        ServedVersion("networking.k8s.io", "v1", _DEFINITION),
        ServedVersion(
            "extensions",
            "v1beta1",
            _DEFINITION,
            deprecated="1.9",
            removed="1.16",
            replacement="networking.k8s.io/v1 NetworkPolicy",
        ),
    ),
    short_names=("netpol",),
    columns=(NAME, Column("Pod-Selector", _selector, description="The pods that it is about."), AGE),
    create_warnings=nothing_acts("no traffic is held back by it"),
    rules={
        "io.k8s.api.networking.v1.NetworkPolicyPort": {"protocol": Enum(("TCP", "UDP", "SCTP"))},
        "io.k8s.api.networking.v1.IPBlock": {"cidr": Required()},
    },
    validate_create=_validate,
    validate_update=_validate_update,
    warnings=_warnings,
    has_status=False,
    defaults={"io.k8s.api.networking.v1.NetworkPolicyPort": {"protocol": "TCP"}},
    default_functions={_DEFINITION + "Spec": _default_types},
)
