"""The file of --authentication-config: AuthenticationConfiguration of apiserver.config.k8s.io v1, v1beta1 or v1alpha1.

Read strictly, as upstream does: k8s.io/kubernetes/pkg/kubeapiserver/options (loadAuthenticationConfigFromData). What it
says is judged by validation.py.
"""

from collections.abc import Mapping as Tree
from typing import Any

from sampan.apiserver.authentication.jwt.configuration import (
    AnonymousConfiguration,
    AuthenticationConfiguration,
    ClaimMappings,
    ClaimValidationRule,
    ExtraMapping,
    Issuer,
    JWTAuthenticator,
    Mapping,
    UserValidationRule,
)
from sampan.machinery import component_config
from sampan.machinery.component_config import Malformed

_GROUP, _KIND = "apiserver.config.k8s.io", "AuthenticationConfiguration"
_VERSIONS = ("v1", "v1beta1", "v1alpha1")
_MAPPING = {"claim": str, "prefix": str, "expression": str}
_JWT = {
    "issuer": {
        "url": str,
        "discoveryURL": str,
        "certificateAuthority": str,
        "audiences": [str],
        "audienceMatchPolicy": str,
        "egressSelectorType": str,
    },
    "claimValidationRules": [{"claim": str, "requiredValue": str, "expression": str, "message": str}],
    "claimMappings": {
        "username": _MAPPING,
        "groups": _MAPPING,
        "uid": {"claim": str, "expression": str},
        "extra": [{"key": str, "valueExpression": str}],
    },
    "userValidationRules": [{"expression": str, "message": str}],
}
_SHAPE = {"jwt": [_JWT], "anonymous": {"enabled": bool, "conditions": [{"path": str}]}}


def parse(text: bytes) -> AuthenticationConfiguration:
    """What the text says. Raises Malformed."""
    if not text:
        raise Malformed("empty config data")
    tree, problems = component_config.parse(text)
    component_config.check_kind(tree, _GROUP, _VERSIONS, _KIND)
    fields, unknown = component_config.held_to(tree, _SHAPE)
    if problems := problems + unknown:
        raise Malformed(f"strict decoding error: {', '.join(problems)}")
    return AuthenticationConfiguration(
        tuple(map(_authenticator, fields.get("jwt") or ())), _anonymous(fields.get("anonymous"))
    )


def _authenticator(tree: Tree[str, Any]) -> JWTAuthenticator:
    return JWTAuthenticator(
        _issuer(tree.get("issuer") or {}),
        tuple(map(_claim_rule, tree.get("claimValidationRules") or ())),
        _mappings(tree.get("claimMappings") or {}),
        tuple(
            UserValidationRule(rule.get("expression", ""), rule.get("message", ""))
            for rule in tree.get("userValidationRules") or ()
        ),
    )


def _issuer(tree: Tree[str, Any]) -> Issuer:
    return Issuer(
        url=tree.get("url", ""),
        discovery_url=tree.get("discoveryURL", ""),
        certificate_authority=tree.get("certificateAuthority", ""),
        audiences=tuple(tree.get("audiences") or ()),
        audience_match_policy=tree.get("audienceMatchPolicy", ""),
        egress_selector_type=tree.get("egressSelectorType", ""),
    )


def _claim_rule(tree: Tree[str, Any]) -> ClaimValidationRule:
    return ClaimValidationRule(
        claim=tree.get("claim", ""),
        required_value=tree.get("requiredValue", ""),
        expression=tree.get("expression", ""),
        message=tree.get("message", ""),
    )


def _mappings(tree: Tree[str, Any]) -> ClaimMappings:
    username, groups, uid = (_mapping(tree.get(field) or {}) for field in ("username", "groups", "uid"))
    extra = (ExtraMapping(one.get("key", ""), one.get("valueExpression", "")) for one in tree.get("extra") or ())
    return ClaimMappings(username, groups, uid, tuple(extra))


def _mapping(tree: Tree[str, Any]) -> Mapping:
    return Mapping(tree.get("claim", ""), tree.get("prefix"), tree.get("expression", ""))


def _anonymous(tree: Tree[str, Any] | None) -> AnonymousConfiguration | None:
    if tree is None:
        return None
    paths = (condition.get("path", "") for condition in tree.get("conditions") or ())
    return AnonymousConfiguration(tree.get("enabled", False), tuple(paths))
