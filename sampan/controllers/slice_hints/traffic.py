"""Hints by `spec.trafficDistribution`: each ready endpoint is for its own zone, or its own node first (KEP-4444,
KEP-3015). How many endpoints a zone has does not matter here.
"""

from functools import partial

from sampan.controllers.slice_hints.family import Family, is_ready
from sampan.machinery.meta import Object

SAME_NODE = "PreferSameNode"
_CLOSE = ("PreferClose", "PreferSameZone", SAME_NODE)


def hint(family: Family, distribution: str) -> Family:
    """By a Service's traffic distribution; any other than those of upstream means no hints."""
    return family.hinted(partial(_close, distribution == SAME_NODE) if distribution in _CLOSE else no_hints)


def no_hints(endpoint: Object) -> Object:
    """For a family without any."""
    return {}


def _close(same_node: bool, endpoint: Object) -> Object:
    """Those of endpoints that are not ready are let be: nobody asks for them."""
    if not is_ready(endpoint):
        return endpoint.get("hints") or {}
    zone, node = endpoint.get("zone"), endpoint.get("nodeName") if same_node else None
    zones, nodes = {"forZones": [{"name": zone}]} if zone else {}, {"forNodes": [{"name": node}]} if node else {}
    return zones | nodes
