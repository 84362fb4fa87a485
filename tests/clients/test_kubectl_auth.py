"""`kubectl auth`, and what kubectl says of refusals, with the newest kubectl of this machine."""

from pathlib import Path

import pytest

from tests.apiserver.harness import API
from tests.apiserver.kubectl import binary, needs
from tests.clients.rig import Command

RBAC = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules:
- {apiGroups: [""], resources: [pods, pods/log], verbs: [get, list]}
- {apiGroups: [apps], resources: [deployments], resourceNames: [web], verbs: ["*"]}
- {nonResourceURLs: [/metrics, /logs/*], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: jane}
"""


@pytest.fixture
def run(tls: API, tmp_path: Path) -> Command:
    """kubectl with an administrator's configuration."""
    return Command(binary(), tmp_path, tls.server.port)


async def no(run: Command, question: str) -> None:
    """A plain no, which kubectl says by its exit code, and without an error."""
    assert await run(question, fails=True) == ""


async def test_can_i(run: Command) -> None:
    await run("apply -f -", RBAC)
    assert await run("auth can-i get pods --as jane") == "yes\n"
    assert await run("auth can-i get pods --subresource=log --as jane") == "yes\n"
    assert await run("auth can-i patch deployments.apps/web --as jane") == "yes\n"
    await no(run, "auth can-i create pods --as jane")
    await no(run, "auth can-i get pods -n kube-system --as jane")
    await no(run, "auth can-i get /metrics --as jane")  # a binding in a namespace gives no paths


async def test_can_i_list(run: Command) -> None:
    await run("apply -f -", RBAC)
    listed = (await run("auth can-i --list --as jane")).splitlines()
    assert listed[0].split() == ["Resources", "Non-Resource", "URLs", "Resource", "Names", "Verbs"]
    rows = {" ".join(line.split()) for line in listed[1:]}
    assert {
        "selfsubjectreviews.authentication.k8s.io [] [] [create]",
        "selfsubjectaccessreviews.authorization.k8s.io [] [] [create]",
        "selfsubjectrulesreviews.authorization.k8s.io [] [] [create]",
        "pods/log [] [] [get list]",
        "pods [] [] [get list]",
        "deployments.apps [] [web] [*]",
        "[/metrics] [] [get]",
        "[/logs/*] [] [get]",
        "[/api/*] [] [get]",
        "[/healthz] [] [get]",
    } <= rows
    everything = {" ".join(line.split()) for line in (await run("auth can-i --list")).splitlines()}
    assert {"*.* [] [] [*]", "[*] [] [*]"} <= everything


async def test_reconcile(run: Command) -> None:
    made = await run("auth reconcile -f -", RBAC)
    assert "clusterrole.rbac.authorization.k8s.io/reader reconciled" in made
    assert "rolebinding.rbac.authorization.k8s.io/readers reconciled" in made
    wider = RBAC.replace("verbs: [get, list]", "verbs: [watch]").replace("name: jane", "name: joe")
    await run("auth reconcile -f -", wider)
    assert await run("auth can-i watch pods --as joe") == "yes\n"
    assert await run("auth can-i list pods --as jane") == "yes\n"  # nothing is taken away
    await run("auth reconcile --remove-extra-permissions --remove-extra-subjects -f -", wider)
    await no(run, "auth can-i list pods --as joe")
    await no(run, "auth can-i watch pods --as jane")


async def test_whoami(run: Command) -> None:
    needs(27)
    who = await run("auth whoami -o jsonpath={.status.userInfo}")
    assert '"username":"kubernetes-admin"' in who
    table = await run("auth whoami --as jane --as-group ops")
    assert [line.split() for line in table.splitlines()] == [
        ["ATTRIBUTE", "VALUE"],
        ["Username", "jane"],
        ["Groups", "[ops", "system:authenticated]"],
    ]


async def test_refusals(run: Command) -> None:
    told = await run("get pods --as jane", fails=True)
    assert (
        'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group ""'
        in told
    )
    assert "attempting to grant RBAC permissions not currently held" not in told
    await run("create clusterrole roles --verb=create --resource=clusterroles.rbac.authorization.k8s.io")
    await run("create clusterrolebinding roles --clusterrole=roles --user=jane")
    told = await run("create clusterrole r --verb=get --resource=pods --as jane", fails=True)
    assert '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}' in told
