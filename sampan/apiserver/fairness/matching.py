"""Whether a FlowSchema's rules match a request. Pure; levels.py remembers the answers.

Rules: k8s.io/apiserver/pkg/util/flowcontrol (rule.go).
"""

from collections.abc import Iterable, Sequence

from sampan.apiserver.authentication.user import SERVICE_ACCOUNT_PREFIX, User, service_account_name
from sampan.apiserver.requestinfo import RequestInfo
from sampan.machinery.meta import Object


def matches(rules: Iterable[Object], user: User, info: RequestInfo) -> bool:
    """Whether one of a schema's rules is for the user and for what is asked."""
    place = _resource if info.is_resource else _url
    field = "resourceRules" if info.is_resource else "nonResourceRules"
    return any(
        any(_subject(subject, user) for subject in rule.get("subjects") or ())
        and any(place(one, info) for one in rule.get(field) or ())
        for rule in rules
    )


def _subject(subject: Object, user: User) -> bool:
    match subject["kind"]:
        case "User":
            return subject["user"]["name"] in ("*", user.name)
        case "Group":
            return subject["group"]["name"] == "*" or subject["group"]["name"] in user.groups
        case _:
            account = subject["serviceAccount"]
            if account["name"] == "*":
                return user.name.startswith(f"{SERVICE_ACCOUNT_PREFIX}{account['namespace']}:")
            return user.name == service_account_name(account["namespace"], account["name"])


def _has(values: Sequence[str] | None, value: str) -> bool:
    """A star stands alone (validation sees to it)."""
    return values is not None and (value in values or "*" in values)


def _resource(rule: Object, info: RequestInfo) -> bool:
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    if not (
        _has(rule["verbs"], info.verb) and _has(rule["resources"], resource) and _has(rule["apiGroups"], info.group)
    ):
        return False
    return _has(rule.get("namespaces"), info.namespace) if info.namespace else bool(rule.get("clusterScope"))


def _url(rule: Object, info: RequestInfo) -> bool:
    return _has(rule["verbs"], info.verb) and any(_below(url, info.path) for url in rule["nonResourceURLs"])


def _below(url: str, path: str) -> bool:
    """A rule is for a path and for all that is below it, with or without a star."""
    return url in ("*", path) or path.startswith(url.removesuffix("*").removesuffix("/") + "/")
