"""What has been picked, as status.allocation of a claim. Pure. Upstream: dynamic-resource-allocation structured."""

from collections.abc import Iterable, Iterator, Sequence

from sampan.machinery.meta import Object
from sampan.scheduler.devices.allocator import Chosen
from sampan.scheduler.devices.asking import Asked, Claim, requests_of


def allocation(claim: Claim, chosen: Sequence[Chosen], node: str) -> Object:
    """The allocation of a claim on a node."""
    picked = _picked(claim, chosen)
    devices: Object = {"results": [_result(one) for one in chosen]}
    if config := list(_config(claim, picked)):
        devices["config"] = config
    made: Object = {"devices": devices}
    if selector := _node_selector(chosen, node):
        made["nodeSelector"] = selector
    return made


def _result(chosen: Chosen) -> Object:
    asked, device = chosen
    driver, pool, name = device.id
    result: Object = {"request": asked.name, "driver": driver, "pool": pool, "device": name}
    if asked.admin:
        result["adminAccess"] = True
    if asked.tolerations:
        result["tolerations"] = list(asked.tolerations)
    return result


def _picked(claim: Claim, chosen: Sequence[Chosen]) -> list[Asked]:
    """Of each request the choice that was made."""
    names = {one.asked.name for one in chosen}
    return [next((asked for asked in choices if asked.name in names), choices[0]) for choices in claim.requests]


def _config(claim: Claim, picked: Sequence[Asked]) -> Iterator[Object]:
    """That of classes first, once each, then the claim's own as far as it is about what was picked."""
    by_class: dict[str, list[Asked]] = {}
    for asked in picked:
        by_class.setdefault(asked.device_class["metadata"]["name"], []).append(asked)
    for users in by_class.values():
        for config in users[0].device_class["spec"].get("config") or ():
            yield _configured("FromClass", [asked.name for asked in users], config, picked)
    for config in (claim.object["spec"].get("devices") or {}).get("config") or ():
        requests = config.get("requests") or ()
        if not requests or any(name in requests for asked in picked for name in asked.names):
            yield _configured("FromClaim", requests, config, picked)


def _configured(source: str, requests: Iterable[str], config: Object, picked: Sequence[Asked]) -> Object:
    """No requests are named where it is for all of them."""
    names = list(requests)
    made = {"source": source, **{field: value for field, value in config.items() if field != "requests"}}
    if names and not all(any(name in names for name in asked.names) for asked in picked):
        made["requests"] = names
    return made


def _node_selector(chosen: Sequence[Chosen], node: str) -> Object | None:
    """Where the devices can be used: on this node only, on those that all of them are for, or (None) anywhere."""
    term: dict[str, list[Object]] = {"matchFields": [], "matchExpressions": []}
    for _, device in chosen:
        if device.place.get("nodeName") or device.object.get("bindsToNode"):
            field = {"key": "metadata.name", "operator": "In", "values": [node]}
            return {"nodeSelectorTerms": [{"matchFields": [field]}]}
        for given in (device.place.get("nodeSelector") or {}).get("nodeSelectorTerms") or ():
            for field_name, wanted in term.items():
                wanted += [one for one in given.get(field_name) or () if not _is_there(one, wanted)]
    found = {field_name: wanted for field_name, wanted in term.items() if wanted}
    return {"nodeSelectorTerms": [found]} if found else None


def _is_there(requirement: Object, wanted: Sequence[Object]) -> bool:
    return any(_meaning(requirement) == _meaning(one) for one in wanted)


def _meaning(requirement: Object) -> tuple[object, ...]:
    return requirement.get("key"), requirement.get("operator"), frozenset(requirement.get("values") or ())


def score(claim: Object, allocated: Object) -> int:
    """The better, the earlier the choices that were made (KEP-4816)."""
    names = {result["request"] for result in allocated["devices"].get("results") or ()}
    return sum(
        _MOST_CHOICES - index
        for request in requests_of(claim)
        for index, choice in enumerate(request.get("firstAvailable") or ())
        if f"{request['name']}/{choice['name']}" in names
    )


_MOST_CHOICES = 8
