"""Acting as another: the headers, the old way, and the constrained ways of KEP-5284."""

from collections.abc import Sequence
from typing import Any

import pytest

from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.attributes import Attributes
from sampan.apiserver.impersonation.headers import Wanted
from sampan.apiserver.impersonation.modes import MODES
from sampan.machinery.errors import Forbidden
from sampan.transport.messages import Request, Response
from tests.apiserver.harness import API, CONFIG_MAPS, PODS

RBAC = "/apis/rbac.authorization.k8s.io/v1"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEW = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
AUTHN = "authentication.k8s.io"
NODE_NAME = "authentication.kubernetes.io/node-name"


async def grant(api: API, *rules: Any, to: str = "joe", name: str = "r") -> None:
    """Rights everywhere."""
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    subject = {"kind": "User", "name": to, "apiGroup": "rbac.authorization.k8s.io"}
    await api.create(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": list(rules)})
    binding = {"metadata": {"name": name}, "roleRef": ref, "subjects": [subject]}
    await api.create(f"{RBAC}/clusterrolebindings", binding)


def rule(verb: str, resource: str, group: str = AUTHN, *names: str) -> Any:
    """One right."""
    found = {"verbs": [verb], "apiGroups": [group], "resources": [resource]}
    return found | ({"resourceNames": list(names)} if names else {})


async def ask(api: API, headers: Sequence[tuple[str, str]], path: str = CONFIG_MAPS, user: str = "joe") -> Response:
    """A GET with headers of which some come more than once."""
    sent, repeated = {"authorization": f"Bearer {user}"}, dict[str, list[str]]()
    for name, value in headers:
        repeated.setdefault(name, []).append(value)
    sent |= {name: ", ".join(values) for name, values in repeated.items()}
    many = {name: values for name, values in repeated.items() if len(values) > 1}
    reply = await api.raw(Request("GET", path, "", sent, raw_path=path, repeated=many))
    assert isinstance(reply, Response)
    return reply


async def who(api: API, headers: dict[str, str], user: str = "admin") -> Any:
    """Whom a request is made as."""
    return (await api.create(SELF, REVIEW, headers=headers, user=user))["status"]["userInfo"]


async def refusal(api: API, headers: dict[str, str], path: str = CONFIG_MAPS, user: str = "joe") -> str:
    """Why not."""
    answer = await api.call("GET", path, headers=headers, user=user)
    assert answer.status == 403, answer
    return str(answer.body["message"])


async def test_what_is_asked_for(api: API) -> None:
    node = await who(api, {"impersonate-user": "system:node:n1"})
    assert node["groups"] == ["system:nodes", "system:authenticated"]
    made = await who(
        api,
        {
            "impersonate-user": "jane",
            "impersonate-uid": "7",
            "impersonate-group": "cn=a,ou=b",
            "impersonate-extra-acme.com%2ffoo": "v",
            "impersonate-extra-100%": "w",
        },
    )
    assert made == {
        "username": "jane",
        "uid": "7",
        "groups": ["cn=a,ou=b", "system:authenticated"],
        "extra": {"acme.com/foo": ["v"], "100%": ["w"]},
    }
    account = await who(api, {"impersonate-user": "system:serviceaccount:default:x"})
    assert account["groups"] == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    assert MODES[-1].user(Wanted("system:anonymous")).groups == ("system:unauthenticated",)
    assert (await who(api, {"impersonate-user": ""}))["username"] == "admin"
    assert (await who(api, {"impersonate-nothing": "x"}))["username"] == "admin"


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        (
            [("impersonate-group", "b"), ("impersonate-group", "a,c"), ("impersonate-extra-x%2fy", "1")],
            'Groups:[]string{"b", "a,c"}, Extra:map[string][]string{"x/y":[]string{"1"}}',
        ),
        ([("impersonate-group", "")], 'Groups:[]string{""}, Extra:map[string][]string(nil)'),
    ],
)
async def test_groups_without_a_user(api: API, headers: list[tuple[str, str]], shown: str) -> None:
    reply = await ask(api, headers)
    text = f'requested &user.DefaultInfo{{Name:"", UID:"", {shown}}} without impersonating a user name'
    assert reply.status == 400
    assert text.replace('"', '\\"').encode() in reply.body


async def test_a_uid_without_a_user(api: API) -> None:
    answer = await api.call("GET", CONFIG_MAPS, headers={"impersonate-uid": "7"})
    shown = '&user.DefaultInfo{Name:"", UID:"7", Groups:[]string(nil), Extra:map[string][]string(nil)}'
    assert answer.body["message"] == f"requested {shown} without impersonating a user name"


async def test_a_line_is_one_group(api: API) -> None:
    subject = {"kind": "Group", "name": "cn=admins,ou=groups", "apiGroup": "rbac.authorization.k8s.io"}
    await api.create(f"{RBAC}/clusterroles", {"metadata": {"name": "l"}, "rules": [rule("list", "configmaps", "")]})
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "l"}
    binding = {"metadata": {"name": "l"}, "roleRef": ref, "subjects": [subject]}
    await api.create(f"{RBAC}/clusterrolebindings", binding)
    for groups, status in ((["cn=admins,ou=groups"], 200), (["x", "cn=admins,ou=groups"], 200), (["cn=admins"], 403)):
        headers = [("impersonate-user", "u"), *(("impersonate-group", group) for group in groups)]
        assert (await ask(api, headers, user="admin")).status == status


async def test_the_first_refusal_is_told(api: API) -> None:
    for name, mode in (
        ("jane", "user-info"),
        ("system:node:n1", "arbitrary-node"),
        ("system:serviceaccount:a:b", "serviceaccount"),
        ("system:serviceaccount:A:b", "user-info"),
        ("system:node:N1", "user-info"),
    ):
        where = 'resource "configmaps" in API group "" in the namespace "default"'
        said = f'configmaps is forbidden: User "joe" cannot impersonate-on:{mode}:list {where}'
        assert await refusal(api, {"impersonate-user": name}) == said
    said = 'forbidden: User "joe" cannot impersonate-on:user-info:get path "/version"'
    assert await refusal(api, {"impersonate-user": "jane"}, "/version") == said


async def test_the_old_way(api: API) -> None:
    await grant(api, rule("impersonate", "users", ""), rule("impersonate", "groups", "", "a", "b", "c", "d"))
    await grant(api, rule("list", "configmaps", ""), to="jane", name="list")
    jane = {"impersonate-user": "jane"}
    assert (await api.call("GET", CONFIG_MAPS, headers=jane, user="joe")).status == 200
    assert 'User "jane" cannot list resource' in await refusal(api, jane, PODS)
    groups = [("impersonate-user", "jane"), *(("impersonate-group", group) for group in "abcd")]
    assert (await ask(api, groups)).status == 200
    reply = await ask(api, [*groups, ("impersonate-group", "system:masters")])
    assert reply.status == 403
    assert b'groups \\"system:masters\\" is forbidden: User \\"joe\\" cannot impersonate resource' in reply.body
    uid = jane | {"impersonate-uid": "7"}
    assert 'cannot impersonate resource "uids" in API group "authentication.k8s.io"' in await refusal(api, uid)
    extra = jane | {"impersonate-extra-scopes": "all"}
    assert 'cannot impersonate resource "userextras/scopes" in API group' in await refusal(api, extra)
    account = {"impersonate-user": "system:serviceaccount:a:b"}
    said = (
        'serviceaccounts "b" is forbidden: User "joe" cannot impersonate resource "serviceaccounts" in API group "" in '
    )
    assert await refusal(api, account) == said + 'the namespace "a"'


async def test_a_user_for_one_verb_only(api: API) -> None:
    await grant(
        api,
        rule("impersonate-on:user-info:list", "configmaps", ""),
        rule("impersonate:user-info", "users", AUTHN, "jane"),
        rule("impersonate:user-info", "groups", AUTHN, "team"),
    )
    await grant(api, {"verbs": ["*"], "apiGroups": [""], "resources": ["*"]}, to="jane", name="jane")
    jane = {"impersonate-user": "jane", "impersonate-group": "team"}
    assert (await api.call("GET", CONFIG_MAPS, headers=jane, user="joe")).status == 200
    assert 'cannot impersonate-on:user-info:get resource "configmaps"' in await refusal(api, jane, f"{CONFIG_MAPS}/x")
    assert 'cannot impersonate-on:user-info:list resource "pods"' in await refusal(api, jane, PODS)
    joan = await refusal(api, {"impersonate-user": "joan"})
    assert joan.startswith('users.authentication.k8s.io "joan" is forbidden: User "joe" cannot impersonate:user-info')
    masters = await refusal(api, jane | {"impersonate-group": "system:masters"})
    assert masters.endswith(": impersonating the system:masters group is not allowed")
    assert "impersonating the empty string group" in await refusal(api, jane | {"impersonate-group": ""})


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("scopes", "x", 'extra.key: Invalid value: "scopes": must be a domain-prefixed path (such as "acme.io/foo")'),
        ("acme.io%2ffoo", "", "impersonating the empty string value in extra is not allowed"),
        ("", "x", "impersonating the empty string key in extra is not allowed"),
        ("acme.io%2f%46oo", "x", 'impersonating a non-lowercase key in extra is not allowed: "acme.io/Foo"'),
    ],
)
async def test_extra_of_the_constrained_way(api: API, key: str, value: str, why: str) -> None:
    await grant(
        api,
        rule("impersonate-on:user-info:list", "configmaps", ""),
        rule("impersonate:user-info", "users"),
        rule("impersonate:user-info", "userextras/acme.io/foo"),
    )
    headers = {"impersonate-user": "jane", f"impersonate-extra-{key}": value}
    assert (await refusal(api, headers)).endswith(why)
    good = {"impersonate-user": "jane", "impersonate-extra-acme.io%2ffoo": "x"}
    assert 'User "jane" cannot list' in await refusal(api, good)


async def test_the_way_that_worked_last_comes_first(api: API) -> None:
    await grant(api, rule("impersonate", "users", ""))
    jane, account = {"impersonate-user": "jane"}, {"impersonate-user": "system:serviceaccount:a:b"}
    assert "impersonate-on:serviceaccount:list" in await refusal(api, account)
    assert 'User "jane" cannot list' in await refusal(api, jane)
    assert 'cannot impersonate resource "serviceaccounts"' in await refusal(api, account)


def questions(mode: str, wanted: Wanted, user: User) -> list[tuple[str, str, str]]:
    """What a way asks: verb, resource and name; the one that stands for all first."""
    asked = Attributes(user, "get", namespace="ns", version="v1", resource="pods", name="p")
    way = next(one for one in MODES if one.name == mode)
    assert way.applies(wanted, user)
    steps = [one for step in way.steps(wanted, asked) for one in (step.instead, *step.questions) if one]
    return [(one.verb, one.full_resource, one.name) for one in steps]


def test_what_is_asked() -> None:
    joe = User("joe")
    many = tuple("abcd")
    assert questions("user-info", Wanted("jane", many, "7", {"acme.io/x": ("1",)}), joe) == [
        ("impersonate-on:user-info:get", "pods", "p"),
        ("impersonate:user-info", "users", "jane"),
        ("impersonate:user-info", "uids", "7"),
        ("impersonate:user-info", "groups", "*"),
        *(("impersonate:user-info", "groups", group) for group in many),
        ("impersonate:user-info", "userextras/acme.io/x", "1"),
    ]
    extra = {"acme.io/x": ("1", "2"), "acme.io/y": ("3", "4")}
    assert ("impersonate:user-info", "userextras/*", "*") in questions("user-info", Wanted("j", (), "", extra), joe)
    assert questions("arbitrary-node", Wanted("system:node:n1"), joe)[1:] == [
        ("impersonate:arbitrary-node", "nodes", "n1")
    ]
    assert questions("", Wanted("system:node:n1", many), joe) == [
        ("impersonate", "users", "system:node:n1"),
        *(("impersonate", "groups", group) for group in many),
    ]


def test_ones_own_node() -> None:
    mode = MODES[0]
    agent = User("system:serviceaccount:ns:agent", (), "", {NODE_NAME: ("n1",), "x": ("y",)})
    asked = Attributes(agent, "list", namespace="ns", version="v1", resource="pods")
    assert not mode.applies(Wanted("system:node:n2"), agent)
    assert not mode.applies(Wanted("system:node:n1", ("g",)), agent)
    assert not mode.applies(Wanted("system:node:n1"), User("agent", extra=agent.extra))
    assert mode.applies(Wanted("system:node:n1"), agent)
    on, node = [question for step in mode.steps(Wanted("system:node:n1"), asked) for question in step.questions]
    assert (on.verb, on.resource, on.name) == ("impersonate-on:associated-node:list", "pods", "")
    assert (node.verb, node.resource, node.name) == ("impersonate:associated-node", "nodes", "*")
    assert {on.user.extra["authentication.kubernetes.io/associated-node-keys"]} == {(NODE_NAME, "x")}
    assert mode.user(Wanted("system:node:n1")) == User("system:node:n1", ("system:nodes", "system:authenticated"))


async def test_metrics(api: API) -> None:
    await refusal(api, {"impersonate-user": "jane"})
    await who(api, {"impersonate-user": "jane"})
    text = (await api.call("GET", "/metrics")).body.decode()
    assert 'apiserver_impersonation_attempts_total{decision="denied",mode=""} 1.0' in text
    assert 'apiserver_impersonation_attempts_total{decision="allowed",mode="user-info"} 1.0' in text
    assert 'apiserver_impersonation_authorization_attempts_total{decision="denied",mode="legacy"} 1.0' in text


def test_system_masters_is_out_of_reach_of_the_constrained_way() -> None:
    way = next(one for one in MODES if one.name == "user-info")
    with pytest.raises(Forbidden, match="impersonating the system:masters group is not allowed"):
        list(way.steps(Wanted("jane", ("system:masters",)), Attributes(User("joe"), "get")))
