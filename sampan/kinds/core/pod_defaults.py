"""Defaults of a Pod that templates don't get: requests from limits, host ports, service links."""

from sampan.kinds.core.podspec_defaults import CORE, POD_SPEC_DEFAULTS
from sampan.machinery.meta import Object

POD_DEFAULTS = {CORE + "Pod": {"spec": {}}, **POD_SPEC_DEFAULTS}


def default_pod(pod: Object) -> None:
    """SetDefaults_Pod."""
    spec = pod["spec"]
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    for container in containers:
        _request_what_is_limited(container.get("resources") or {})
        if spec.get("hostNetwork"):
            for port in container.get("ports") or ():
                if not port.get("hostPort"):
                    port["hostPort"] = port.get("containerPort", 0)
    spec.setdefault("enableServiceLinks", True)


def _request_what_is_limited(resources: Object) -> None:
    if limits := resources.get("limits"):
        resources["requests"] = {**limits, **(resources.get("requests") or {})}
