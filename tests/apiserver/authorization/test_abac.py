"""Attribute-based access control: policies of a file, old and new."""

from pathlib import Path

import pytest

from sampan.apiserver.authentication.user import authenticated
from sampan.apiserver.authorization.abac import ABAC, parse
from sampan.apiserver.authorization.attributes import Attributes
from sampan.apiserver.authorization.options import AuthorizationOptions
from sampan.machinery.component_config import Malformed
from tests.apiserver.harness import CONFIG_MAPS, PODS, running

V1 = '{{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {}}}'
LINES = (
    "# who may do what",
    "",
    V1.format('{"user": "alice", "namespace": "*", "resource": "*", "apiGroup": "*"}'),
    V1.format('{"user": "bob", "namespace": "default", "resource": "pods", "readonly": true}'),
    V1.format('{"group": "ops", "nonResourcePath": "/metrics*"}'),
    V1.format('{"user": "*", "nonResourcePath": "/version", "readonly": true}'),
    V1.format('{"user": "carol", "group": "ops", "namespace": "*", "resource": "nodes"}'),
    '{"user": "dave", "namespace": "old"}',
    '{"readonly": true, "resource": "events"}',
)
POLICIES = ABAC(parse("\n".join(LINES).encode(), "file"))


@pytest.mark.parametrize(
    ("user", "asked", "expected"),
    [
        ("alice", "delete apps:deployments@x", True),
        ("alice", "get /metrics", False),
        ("bob", "list :pods@default", True),
        ("bob", "create :pods@default", False),
        ("bob", "list :pods@other", False),
        ("bob", "list apps:pods@default", False),
        ("bob", "get /version", True),
        ("bob", "post /version", False),
        ("erin ops", "get /metrics/x", True),
        ("erin ops", "delete /metrics", True),
        ("erin ops", "get :nodes@", False),
        ("carol", "get :nodes@", False),
        ("carol ops", "get :nodes@", True),
        ("dave", "delete apps:deployments@old", True),
        ("dave", "get /version", True),
        ("erin", "list :events@any", True),
        ("erin", "create :events@any", False),
    ],
)
def test_policies(user: str, asked: str, expected: bool) -> None:
    name, *groups = user.split()
    verb, what = asked.split()
    who = authenticated(name, tuple(groups))
    attributes = Attributes(who, verb, False, path=what)
    if not what.startswith("/"):
        place, _, namespace = what.partition("@")
        group, _, resource = place.partition(":")
        attributes = Attributes(who, verb, True, namespace, group, "v1", resource)
    decision = POLICIES.decide(attributes)
    assert decision.allowed is expected
    assert expected or decision.reason == "No policy matched."


def test_rules() -> None:
    known = POLICIES.known_rules(authenticated("bob"), "default")
    assert [rule.tree() for rule in known.rules] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["*"], "resources": ["events"], "verbs": ["get", "list", "watch"]},
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"kind": "X", "apiVersion": "v1"}', 'no kind "X" is registered for version "v1"'),
        ('{"user": 1}', "json: cannot unmarshal number into Go struct field user of string"),
    ],
)
def test_what_is_no_policy(line: str, why: str) -> None:
    with pytest.raises(Malformed) as error:
        parse(f"\n{line}".encode(), "file")
    assert str(error.value) == f"error reading policy file file, line 2: {line}: {why}"


async def test_a_server_that_goes_by_a_file(tmp_path: Path) -> None:
    file = tmp_path / "policies"
    file.write_text(V1.format('{"user": "joe", "namespace": "default", "resource": "pods"}'))
    options = AuthorizationOptions(authorization_mode=["ABAC", "RBAC"], authorization_policy_file=str(file))
    async with running(authorization=options) as api:
        assert (await api.call("GET", PODS, user="joe")).status == 200
        found = await api.call("GET", CONFIG_MAPS, user="joe")
        assert (found.status, found.body["message"].endswith('"default": abac: No policy matched.')) == (403, True)
