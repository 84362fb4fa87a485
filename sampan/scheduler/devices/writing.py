"""Writes to claims: what they get, whose they are, and that they have nothing any more.

Not pure, as the rest of this package; called by plugins/dynamic_resources.py before a pod is bound, and where a claim
keeps its pod from every node. Upstream: dynamicresources (bindClaim).
"""

from datetime import datetime

from sampan.client.api import Client
from sampan.kinds.resource.names import CLAIM_FINALIZER
from sampan.kinds.resource.resource_claim import KIND as CLAIM
from sampan.machinery.errors import APIError, Conflict
from sampan.machinery.meta import Object, format_time, is_deleting, key_of
from sampan.machinery.tree import with_changes
from sampan.scheduler.devices.pod_claims import allocation_of
from sampan.scheduler.framework import Rejected
from sampan.scheduler.pod_info import PodInfo

_ATTEMPTS = 5  # as others write claims too
_GONE = ("allocation", "reservedFor", "devices")


async def write(client: Client, claim: Object, allocated: Object | None, pod: PodInfo, now: datetime) -> Object:
    """Reserve a claim for a pod, with what it gets, if that is new. Raises Rejected, OSError."""
    key, conflict = key_of(claim), Rejected("")
    what = "add allocation and reservation" if allocated is not None else "add reservation"
    for attempt in range(_ATTEMPTS):
        try:
            if attempt:
                claim = await client.get(CLAIM, key.name, key.namespace)
            _look_once_more(claim, allocated)
            if allocated is not None and CLAIM_FINALIZER not in (claim["metadata"].get("finalizers") or ()):
                claim = await client.update(CLAIM, _protected(claim))
            return await client.update(CLAIM, _reserved(claim, allocated, pod, now), subresource="status")
        except Conflict as error:
            conflict = Rejected(f"{what} to claim {key}: {error}")
        except APIError as error:
            raise Rejected(f"{what} to claim {key}: {error}") from error
    raise conflict


async def deallocate(client: Client, claim: Object) -> None:
    """Take away what a claim has got. Raises APIError, OSError."""
    kept = {name: value for name, value in claim["status"].items() if name not in _GONE}
    await client.update(CLAIM, {**claim, "status": kept}, subresource="status")


def _look_once_more(claim: Object, allocated: Object | None) -> None:
    """Raises Rejected where things have changed since the decision."""
    if is_deleting(claim):
        raise Rejected(f"claim {key_of(claim)} got deleted in the meantime")
    if allocated is not None and allocation_of(claim) is not None:
        raise Rejected(f"claim {key_of(claim)} got allocated elsewhere in the meantime")
    if allocated is None and allocation_of(claim) is None:
        raise Rejected(f"claim {key_of(claim)} got deallocated elsewhere in the meantime")


def _protected(claim: Object) -> Object:
    finalizers = [*(claim["metadata"].get("finalizers") or ()), CLAIM_FINALIZER]
    return with_changes(claim, {("metadata", "finalizers"): finalizers})


def _reserved(claim: Object, allocated: Object | None, pod: PodInfo, now: datetime) -> Object:
    status = claim.get("status") or {}
    got = allocated or status["allocation"]
    if not got.get("allocationTimestamp"):
        got = {**got, "allocationTimestamp": format_time(now)}
    consumer = {"resource": "pods", "name": pod.key.name, "uid": pod.uid}
    reserved = [*(status.get("reservedFor") or ()), consumer]
    return {**claim, "status": {**status, "allocation": got, "reservedFor": reserved}}
