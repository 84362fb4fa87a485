"""Whatever clients send: an answer in the 400s at most, and a server that goes on."""

import copy
import random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.apiserver.harness import API, CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod, running
from tests.apiserver.test_kinds_served import BODIES, NAMES, OTHERS, SERVED

SERVICES = "/api/v1/namespaces/default/services"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
SEEDS: dict[str, list[tuple[str, Any]]] = {
    "objects": [
        (CONFIG_MAPS, config_map("a", x="1")),
        (PODS, pod("a", volumes=[{"name": "v", "emptyDir": {}}], tolerations=[{"key": "k", "operator": "Exists"}])),
        (DEPLOYMENTS, deployment("a", replicas=1, strategy={"type": "RollingUpdate"})),
        (
            "/apis/extensions/v1beta1/namespaces/default/deployments",
            deployment("a") | {"apiVersion": "extensions/v1beta1"},
        ),
        (
            SERVICES,
            {"metadata": {"name": "a"}, "spec": {"type": "NodePort", "ports": [{"port": 80}], "selector": {"a": "b"}}},
        ),
        ("/api/v1/namespaces/default/secrets", {"metadata": {"name": "a"}, "data": {"x": "YQ=="}, "type": "Opaque"}),
        ("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "a"}}),
        ("/api/v1/namespaces", {"metadata": {"name": "a"}}),
        ("/api/v1/nodes", {"metadata": {"name": "a"}, "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}}),
        (
            "/api/v1/namespaces/default/endpoints",
            {"metadata": {"name": "a"}, "subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 1}]}]},
        ),
        (
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
            {"metadata": {"name": "a"}, "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": []},
        ),
        (
            "/api/v1/namespaces/default/events",
            {"metadata": {"name": "a"}, "involvedObject": {"kind": "Pod", "namespace": "default"}, "type": "Normal"},
        ),
        (
            "/apis/coordination.k8s.io/v1/namespaces/default/leases",
            {"metadata": {"name": "a"}, "spec": {"holderIdentity": "x", "leaseDurationSeconds": 3}},
        ),
        (
            f"{RBAC}/clusterroles",
            {"metadata": {"name": "a"}, "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["x"]}]},
        ),
        (
            f"{RBAC}/clusterrolebindings",
            {"metadata": {"name": "a"}, "roleRef": REF, "subjects": [{"kind": "User", "name": "x"}]},
        ),
    ],
    "questions": [
        (
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {"spec": {"user": "x", "groups": ["g"], "resourceAttributes": {"verb": "get", "resource": "pods"}}},
        ),
        ("/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": "x", "audiences": ["a"]}}),
        (
            "/api/v1/namespaces/default/serviceaccounts/a/token",
            {"spec": {"expirationSeconds": 600, "audiences": ["a"]}},
        ),
        (f"{PODS}/a/binding", {"metadata": {"name": "a"}, "target": {"kind": "Node", "name": "n"}}),
        (f"{PODS}/a/eviction", {"metadata": {"name": "a"}, "deleteOptions": {"gracePeriodSeconds": 1}}),
    ],
}
for served, kind in SERVED:
    version, scope = served.version.api_version, "/namespaces/default" if served.kind.namespaced else ""
    collection = f"/{'apis' if served.version.group else 'api'}/{version}{scope}/{served.kind.plural}"
    body = {**OTHERS.get((version, kind), BODIES[kind]), "metadata": {"name": NAMES.get(kind, "a")}}
    SEEDS.setdefault("kinds", []).append((collection, body))
ODD: list[Any] = [
    None, True, 0, -1, 1 << 31, 1 << 63, -(1 << 63), 1.5, "", "x", "A B/ü", "1" * 300, "-", "\x00",
    [], {}, [None], [{}],
    {"": ""}, {"x": None}, "99999999999999999999", "10.0.0.256", "::1", [[]], "None", {"matchLabels": {"a": "b"}},
]  # fmt: skip


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in a tree."""
    found = [path] if path else []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        found += places(value, (*path, key))
    return found


def mutate(tree: Any, chance: random.Random) -> Any:
    """The tree with one to three places replaced, removed, doubled or given something new."""
    tree = copy.deepcopy(tree)
    for _ in range(chance.randint(1, 3)):
        *way, last = chance.choice(places(tree) or [("metadata",)])
        holder = tree
        for key in way:
            holder = holder[key]
        how = chance.randrange(4)
        if how == 0 and isinstance(holder, dict):
            holder.pop(last, None)
        elif how == 1 and isinstance(holder, dict):
            holder[chance.choice(["name", "metadata", "spec", "status", "labels", "x", "finalizers"])] = copy.deepcopy(
                chance.choice(ODD)
            )
        elif how == 2 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
        else:
            holder[last] = copy.deepcopy(chance.choice(ODD))
    return tree


async def throw(api: API, path: str, body: Any, chance: random.Random) -> None:
    """Create it, then update, patch and delete the result, all with more of the same."""
    answers = [await api.call("POST", path, body)]
    made = answers[0].body
    if answers[0].status == 201 and isinstance(made, dict) and made.get("metadata", {}).get("uid"):
        one = f"{path}/{made['metadata']['name']}"
        answers.append(await api.call("PUT", one, mutate(made, chance)))
        answers.append(
            await api.patch(one, mutate(body, chance), chance.choice(["merge-patch", "strategic-merge-patch"]))
        )
        answers.append(await api.patch(f"{one}/status", {"status": chance.choice(ODD)}))
        answers.append(
            await api.call("GET", path, accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        )
        answers.append(await api.call("DELETE", one, {"gracePeriodSeconds": chance.choice([0, 0, None, -1])}))
    for answer in answers:
        assert answer.status < 500, (path, body, answer)


@pytest.mark.parametrize("group", list(SEEDS))
async def test_mutated_objects_never_break_the_server(group: str) -> None:
    chance = random.Random(20240501)
    async with running() as api:
        await api.service_account()
        for _ in range(300 if group == "questions" else 2000):
            path, seed = chance.choice(SEEDS[group])
            await throw(api, path, mutate(seed, chance), chance)
        assert (await api.call("GET", PODS)).status == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=JSON | st.binary(max_size=60),
    path=st.sampled_from([CONFIG_MAPS, PODS, f"{PODS}/x/binding", "/api/v1/bindings"]),
)
async def test_arbitrary_bodies(api: API, body: Any, path: str) -> None:
    for content_type in ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf"):
        raw = body if isinstance(body, bytes) else orjson.dumps(body) if _fits(body) else b"{}"
        answer = await api.call("POST", path, raw, content_type=content_type)
        assert 400 <= answer.status < 500, answer


def _fits(body: Any) -> bool:
    try:
        orjson.dumps(body)
    except TypeError:  # an integer beyond 64 bits
        return False
    return True


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(
        st.sampled_from(["limit", "continue", "resourceVersion", "labelSelector", "fieldSelector", "dryRun"])
    ),
    value=st.text(max_size=12),
)
async def test_arbitrary_queries(api: API, names: list[str], value: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        try:
            value.encode()
        except UnicodeEncodeError:
            return
        query = dict.fromkeys([*names, "timeoutSeconds"], value)
        answer = await api.call(method, CONFIG_MAPS, config_map("q") if method == "POST" else None, query=query)
        assert answer.status < 500 or answer.status == 504, answer


def _alias_bomb() -> bytes:
    """A hundred bytes that mean a billion values."""
    lines = [b"a0: &a0 [x]"] + [b"a%d: &a%d [%b]" % (i, i, b",".join([b"*a%d" % (i - 1)] * 10)) for i in range(1, 10)]
    return b"\n".join(lines)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (b"{", "application/json", 400, "BadRequest"),
        (b"[" * 100_000, "application/json", 400, "BadRequest"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "application/json", 400, "BadRequest"),
        (b"a: [", "application/yaml", 400, "BadRequest"),
        (_alias_bomb(), "application/yaml", 400, "BadRequest"),
        (b"\xff\xfe", "application/json", 400, "BadRequest"),
        (b"", "application/json", 400, "BadRequest"),
        (b"{}", "text/plain", 415, "UnsupportedMediaType"),
        (b"k8s\x00\x0a\xff\xff", "application/vnd.kubernetes.protobuf", 400, "BadRequest"),
        (b"nonsense", "application/vnd.kubernetes.protobuf", 400, "BadRequest"),
    ],
)
async def test_broken_bodies(api: API, body: bytes, content_type: str, status: int, reason: str) -> None:
    answer = await api.call("POST", CONFIG_MAPS, body, content_type=content_type)
    assert (answer.status, answer.body["reason"]) == (status, reason)


MANY_DIGITS = "9" * 5000  # more than Python's int() reads


@pytest.mark.parametrize("name", ["limit", "resourceVersion", "timeoutSeconds", "continue", "labelSelector"])
async def test_numbers_of_very_many_digits_in_a_query(api: API, name: str) -> None:
    text = f"a>{MANY_DIGITS}" if name == "labelSelector" else MANY_DIGITS
    assert (await api.call("GET", PODS, query={name: text})).status in (400, 422)


async def test_numbers_of_very_many_digits_in_objects(api: API) -> None:
    rolling = deployment("a", strategy={"rollingUpdate": {"maxSurge": f"{MANY_DIGITS}%", "maxUnavailable": 1}})
    assert (await api.call("POST", DEPLOYMENTS, rolling)).status == 422
    cron = {"schedule": f"{MANY_DIGITS} * * * *", "jobTemplate": {"spec": {"template": pod("x")}}}
    path = "/apis/batch/v1/namespaces/default/cronjobs"
    assert (await api.call("POST", path, {"metadata": {"name": "a"}, "spec": cron})).status == 422


@pytest.mark.timeout(30)
async def test_a_pod_of_very_many_ports_is_taken_in_a_moment(api: API) -> None:
    await api.service_account()
    for same in (True, False):  # quadratic comparisons would take minutes
        ports = [{"containerPort": 80 if same else i + 1, "hostPort": i + 1} for i in range(40_000)]
        made = pod(f"p{int(same)}", containers=[{"name": "c", "image": "x", "ports": ports}])
        assert (await api.call("POST", PODS, made, query={"dryRun": "All"})).status == 201
