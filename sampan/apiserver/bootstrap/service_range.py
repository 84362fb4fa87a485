"""ServiceCIDR kubernetes: the range of cluster IPs that the server was told, as an object (KEP-1880).

It is made where it is missing; a range that is there and another than the server's is left, and named in the log once.
Called by the server before it serves Services, and whenever bootstrap objects are restored. Counterpart of
k8s.io/kubernetes/pkg/controlplane/controller/defaultservicecidr.
"""

import logging
from datetime import datetime
from ipaddress import IPv4Network

from sampan.client.api import Client
from sampan.kinds.networking.service_cidr import KIND as SERVICE_CIDR
from sampan.kinds.networking.service_ranges import DEFAULT, READY
from sampan.machinery.errors import AlreadyExists, Conflict, InternalError, NotFound
from sampan.machinery.meta import Object, format_time, is_deleting
from sampan.machinery.tree import get_path, with_changes

log = logging.getLogger(__name__)


async def ensure_service_range(client: Client, service_range: IPv4Network, now: datetime, *, level: int) -> None:
    """Make the ServiceCIDR, and say that it is ready unless somebody has said something else. Raises APIError.

    `level` is that of the log, for a range that is another.
    """
    try:
        found = await client.get(SERVICE_CIDR, DEFAULT)
    except NotFound:
        found = await _create(client, service_range)
    except InternalError as error:  # what is stored is no object any more, which costs that object, not the server
        log.log(level, "ServiceCIDR %s is made again once it has been deleted: %s", DEFAULT, error)
        return
    if found["spec"].get("cidrs") != [str(service_range)]:
        log.log(level, "ServiceCIDR %s is not the server's range, %s", DEFAULT, service_range)
    elif not is_deleting(found) and not any(one["type"] == READY for one in _conditions(found)):
        await _say_ready(client, found, now)


async def _create(client: Client, service_range: IPv4Network) -> Object:
    meta, spec = {"name": DEFAULT}, {"cidrs": [str(service_range)]}
    body = {"apiVersion": SERVICE_CIDR.api_version, "kind": SERVICE_CIDR.name, "metadata": meta, "spec": spec}
    try:
        return await client.create(SERVICE_CIDR, body)
    except AlreadyExists:
        return await client.get(SERVICE_CIDR, DEFAULT)  # another server that starts at the same time was first


async def _say_ready(client: Client, service_cidr: Object, now: datetime) -> None:
    changed = with_changes(service_cidr, {("status", "conditions"): [*_conditions(service_cidr), _ready(now)]})
    try:
        await client.update(SERVICE_CIDR, changed, subresource="status")
    except (Conflict, NotFound) as error:  # another server was first, or somebody deletes it: the next time will tell
        log.debug("ServiceCIDR %s has changed meanwhile: %s", DEFAULT, error)


def _conditions(service_cidr: Object) -> list[Object]:
    found: list[Object] = get_path(service_cidr, ("status", "conditions"), [])
    return found


def _ready(now: datetime) -> Object:
    return {
        "type": READY,
        "status": "True",
        "reason": "",
        "message": "Kubernetes default Service CIDR is ready",
        "lastTransitionTime": format_time(now),
    }
