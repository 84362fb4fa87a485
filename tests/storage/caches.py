"""Objects to put into a watch cache, and what they are there."""

import json
from typing import Any

PODS = "/core/pods/"


def describe(prefix: str) -> tuple[str, str]:
    """The version and kind of a collection."""
    return {"/core/pods/": ("v1", "Pod"), "/apps/deployments/": ("apps/v1", "Deployment")}[prefix]


def value(name: str, **spec: Any) -> bytes:
    """An object as it is stored."""
    return json.dumps({"metadata": {"name": name}, "spec": spec}, separators=(",", ":")).encode()
