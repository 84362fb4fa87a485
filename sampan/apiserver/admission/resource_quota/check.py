"""Deciding whether a write fits into quotas, and what they have used after it. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sampan.apiserver.admission.resource_quota.limited import LimitedResource, limited_names
from sampan.kinds.core.pod_resources import Resources, add, resources
from sampan.kinds.quota.evaluator import Change, Evaluator, less
from sampan.kinds.quota.scopes import terms
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path


class Refusal(Exception):
    """Why a write does not fit."""


class ScopeRefusal(Refusal):
    """Upstream reports this one as an error of its own, not as a 403."""


class Request(NamedTuple):
    """A write, how it is measured, and what of its kind must be in a quota (limited.py)."""

    change: Change
    evaluator: Evaluator
    limited: Sequence[LimitedResource]
    now: datetime


Used = Mapping[str, Resources]  # by the name of the quota


def charge(quotas: Sequence[Object], used: Used, request: Request) -> dict[str, Resources]:
    """What the quotas that the write charges have used after it. Raises Refusal.

    `used` is what they have used now: more than their status says, where other writes are being charged with it.
    """
    evaluator, new = request.evaluator, request.change.new
    concerned = [quota for quota in quotas if _concerns(quota, used, request)]
    usage = evaluator.usage(new, request.now)
    if negative := sorted(name for name, amount in usage.items() if amount.nano < 0):
        raise Refusal(f"quota usage is negative for resource(s): {','.join(negative)}")
    deltas = {quota["metadata"]["name"]: _delta(quota, usage, request) for quota in concerned}
    deltas = {name: delta for name, delta in deltas.items() if delta}
    if not (deltas if concerned else _delta(None, usage, request)):
        return {}
    _check_limited(quotas, concerned, usage, request)
    return {
        quota["metadata"]["name"]: _added(quota, used, deltas[quota["metadata"]["name"]], request.change.subresource)
        for quota in concerned
        if quota["metadata"]["name"] in deltas
    }


def hard(quota: Object) -> Resources:
    """What the quota allows, as far as its controller has seen it."""
    return resources(get_path(quota, ("status", "hard")))


def _concerns(quota: Object, used: Used, request: Request) -> bool:
    """Whether a quota is about this object. Raises Refusal where it can't be charged."""
    evaluator, new, name = request.evaluator, request.change.new, quota["metadata"]["name"]
    names = evaluator.tracked(hard(quota))
    if not names or not evaluator.covers(quota, new):
        return False
    if lack := evaluator.lacks(names, new):
        raise Refusal(f"failed quota: {name}: {lack}")
    if any(tracked not in used[name] for tracked in names):
        raise Refusal(f"status unknown for quota: {name}, resources: {','.join(names)}")
    return True


def _delta(quota: Object | None, usage: Resources, request: Request) -> Resources:
    """What the write adds to a quota; an object that was in it before adds only what is new."""
    old, delta = request.change.old, usage
    if old is not None and (quota is None or request.evaluator.covers(quota, old)):
        delta = less(usage, request.evaluator.usage(old, request.now))
    return {name: amount for name, amount in delta.items() if amount.nano}


def _check_limited(quotas: Iterable[Object], concerned: Iterable[Object], usage: Resources, request: Request) -> None:
    evaluator, new = request.evaluator, request.change.new
    covered = {name for quota in concerned for name in evaluator.tracked(hard(quota))}
    if missing := limited_names(request.limited, usage) - covered:
        raise Refusal(f"insufficient quota to consume: {','.join(sorted(missing))}")
    met = {term.scope for quota in quotas for term in terms(quota) if evaluator.in_scope(term, new)}
    limited = [term for one in request.limited for term in one.match_scopes if evaluator.in_scope(term, new)]
    if uncovered := [term for term in limited if term.scope not in met]:
        raise ScopeRefusal(f"insufficient quota to match these scopes: [{' '.join(map(str, uncovered))}]")


def _added(quota: Object, used: Used, delta: Resources, subresource: str) -> Resources:
    name, limits = quota["metadata"]["name"], hard(quota)
    requested = {resource: amount for resource, amount in delta.items() if resource in limits}
    total = dict(used[name])
    add(total, requested)
    exceeded = [resource for resource in requested if total[resource].nano > limits[resource].nano]
    if exceeded and subresource != "status":
        raise Refusal(
            f"exceeded quota: {name}, requested: {_shown(requested, exceeded)}, "
            f"used: {_shown(used[name], exceeded)}, limited: {_shown(limits, exceeded)}"
        )
    return total


def _shown(amounts: Resources, names: Collection[str]) -> str:
    return ",".join(f"{name}={amounts[name]}" for name in sorted(names) if name in amounts)
