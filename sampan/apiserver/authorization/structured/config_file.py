"""The file of --authorization-config: AuthorizationConfiguration of apiserver.config.k8s.io v1, v1beta1 or v1alpha1.

Read strictly, as upstream does: k8s.io/apiserver/pkg/apis/apiserver/load. What it says is judged by validation.py.
"""

from collections.abc import Mapping
from typing import Any

from sampan.apiserver.authorization.structured.configuration import (
    AuthorizationConfiguration,
    AuthorizerConfiguration,
    WebhookConfiguration,
)
from sampan.machinery import component_config
from sampan.machinery.component_config import Malformed
from sampan.machinery.durations import parse_duration

_GROUP, _KIND = "apiserver.config.k8s.io", "AuthorizationConfiguration"
_VERSIONS = ("v1", "v1beta1", "v1alpha1")
_WEBHOOK = {
    "authorizedTTL": str,
    "cacheAuthorizedRequests": bool,
    "unauthorizedTTL": str,
    "cacheUnauthorizedRequests": bool,
    "timeout": str,
    "subjectAccessReviewVersion": str,
    "matchConditionSubjectAccessReviewVersion": str,
    "failurePolicy": str,
    "connectionInfo": {"type": str, "kubeConfigFile": str},
    "matchConditions": [{"expression": str}],
}
_SHAPE = {"authorizers": [{"type": str, "name": str, "webhook": _WEBHOOK}]}


def parse(text: bytes) -> AuthorizationConfiguration:
    """What the text says. Raises Malformed."""
    if not text:
        return AuthorizationConfiguration()
    tree, problems = component_config.parse(text)
    component_config.check_kind(tree, _GROUP, _VERSIONS, _KIND)
    fields, unknown = component_config.held_to(tree, _SHAPE)
    if problems := problems + unknown:
        raise Malformed(f"strict decoding error: {', '.join(problems)}")
    return AuthorizationConfiguration(tuple(map(_authorizer, fields.get("authorizers") or ())))


def _authorizer(tree: Mapping[str, Any]) -> AuthorizerConfiguration:
    webhook = tree.get("webhook")
    return AuthorizerConfiguration(
        tree.get("type", ""), tree.get("name", ""), None if webhook is None else _webhook(webhook)
    )


def _webhook(tree: Mapping[str, Any]) -> WebhookConfiguration:
    connection = tree.get("connectionInfo") or {}
    return WebhookConfiguration(
        authorized_ttl=_seconds(tree.get("authorizedTTL", "")) or 300,
        unauthorized_ttl=_seconds(tree.get("unauthorizedTTL", "")) or 30,
        cache_authorized=tree.get("cacheAuthorizedRequests", True),
        cache_unauthorized=tree.get("cacheUnauthorizedRequests", True),
        timeout=_seconds(tree.get("timeout", "")),
        version=tree.get("subjectAccessReviewVersion", ""),
        condition_version=tree.get("matchConditionSubjectAccessReviewVersion", ""),
        failure_policy=tree.get("failurePolicy", ""),
        connection=connection.get("type", ""),
        kubeconfig=connection.get("kubeConfigFile"),
        match_conditions=tuple(one.get("expression", "") for one in tree.get("matchConditions") or ()),
    )


def _seconds(text: str) -> float:
    try:
        return parse_duration(text) if text else 0
    except ValueError as error:
        raise Malformed(str(error)) from error
