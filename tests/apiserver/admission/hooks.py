"""Webhook configurations for tests."""

from typing import Any

from tests.apiserver.harness import API
from tests.apiserver.hook_server import HookServer

Object = dict[str, Any]
GROUP = "/apis/admissionregistration.k8s.io/v1"
VALIDATING = f"{GROUP}/validatingwebhookconfigurations"
MUTATING = f"{GROUP}/mutatingwebhookconfigurations"


def rule(resources: str = "configmaps", *operations: str, group: str = "", version: str = "v1", **more: Any) -> Object:
    """A rule for one resource."""
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "resources": [resources],
        "operations": list(operations) or ["CREATE", "UPDATE"],
        **more,
    }


def webhook(server: HookServer, path: str, *rules: Object, **more: Any) -> Object:
    """A webhook at a path of the server, by default for writes of ConfigMaps."""
    return {
        "name": f"{path.strip('/')}.example.com",
        "clientConfig": server.client_config(path),
        "rules": list(rules) or [rule()],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **more,
    }


async def configure(api: API, path: str, *webhooks: Object, name: str = "hooks") -> Any:
    """A configuration of these webhooks."""
    return await api.create(path, {"metadata": {"name": name}, "webhooks": list(webhooks)})
