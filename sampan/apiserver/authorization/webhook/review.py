"""A question as a SubjectAccessReview (authorization.k8s.io v1 or v1beta1), and the answer read out of one.

Rules: k8s.io/apiserver/plugin/pkg/authorizer/webhook.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sampan.apiserver.authorization.attributes import Attributes, Decision, Verdict
from sampan.machinery.meta import Object
from sampan.machinery.requirements import DOUBLE_EQUALS, EQUALS, EXISTS, IN, NOT_EQUALS, NOT_EXISTS, NOT_IN

_OPERATORS = {
    IN: "In",
    EQUALS: "In",
    DOUBLE_EQUALS: "In",
    NOT_IN: "NotIn",
    NOT_EQUALS: "NotIn",
    EXISTS: "Exists",
    NOT_EXISTS: "DoesNotExist",
}
_BOTH = "webhook subject access review returned both allow and deny response"


class Answer(NamedTuple):
    """The status of a review."""

    allowed: bool
    denied: bool
    reason: str

    def decision(self) -> Decision:
        """As an authorizer's opinion; a webhook that allows and denies is wrong, and taken at its no."""
        if self.denied:
            return Decision(Verdict.DENY, self.reason, _BOTH if self.allowed else "")
        return Decision(Verdict.ALLOW if self.allowed else Verdict.NO_OPINION, self.reason)


def spec_of(attributes: Attributes) -> Object:
    """The spec, in version v1."""
    user = attributes.user
    fields: Object = {"user": user.name, "groups": list(user.groups), "uid": user.uid}
    if user.extra:
        fields["extra"] = {key: list(values) for key, values in user.extra.items()}
    if attributes.is_resource:
        about = {"resourceAttributes": _resource(attributes)}
    else:
        about = {"nonResourceAttributes": _filled({"path": attributes.path, "verb": attributes.verb})}
    return {**about, **_filled(fields)}


def _resource(attributes: Attributes) -> Object:
    selectors = attributes.selectors
    fields = [
        {"key": term.field, "operator": "NotIn" if term.negated else "In", "values": [term.value]}
        for term in selectors.fields
    ]
    labels = [
        {"key": term.key, "operator": _OPERATORS[term.operator], **_filled({"values": list(term.values)})}
        for term in selectors.labels
        if term.operator in _OPERATORS  # without the others the question is broader, and so is the answer's meaning
    ]
    return _filled(
        {
            "namespace": attributes.namespace,
            "verb": attributes.verb,
            "group": attributes.group,
            "version": attributes.version,
            "resource": attributes.resource,
            "subresource": attributes.subresource,
            "name": attributes.name,
            "fieldSelector": {"requirements": fields} if fields else None,
            "labelSelector": {"requirements": labels} if labels else None,
        }
    )


def _filled(fields: Mapping[str, Any]) -> Object:
    return {name: value for name, value in fields.items() if value}


def review_of(spec: Object, version: str) -> Object:
    """The object to send. v1beta1 calls the groups `group`."""
    if version == "v1beta1":
        spec = {"group" if name == "groups" else name: value for name, value in spec.items()}
    return {
        "kind": "SubjectAccessReview",
        "apiVersion": f"authorization.k8s.io/{version}",
        "metadata": {"creationTimestamp": None},
        "spec": spec,
        "status": {"allowed": False},
    }


def answer_of(review: Mapping[str, Any]) -> Answer:
    """What was answered. Raises ValueError for what is none."""
    status = review.get("status") or {}
    if not isinstance(status, dict):
        raise ValueError("the webhook's answer is no SubjectAccessReview")
    allowed, denied, reason = status.get("allowed") or False, status.get("denied") or False, status.get("reason") or ""
    if type(allowed) is not bool or type(denied) is not bool or not isinstance(reason, str):
        raise ValueError("the webhook's answer is no SubjectAccessReview")
    return Answer(allowed, denied, reason)
