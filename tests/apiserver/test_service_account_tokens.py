"""Tokens of ServiceAccounts: what is issued, what is believed, and what they die with."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from sampan.apiserver.authentication.attempt import Attempt, Refused
from sampan.apiserver.authentication.service_account import Bound
from sampan.kinds.core.service_account_token import INVALID_SINCE, ISSUER, LAST_USED
from sampan.transport.messages import Request
from tests.apiserver.harness import API, CONFIG_MAPS, PODS, pod
from tests.apiserver.pki import key_pem, new_key, signing_key

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
SECRETS = "/api/v1/namespaces/default/secrets"
NODES = "/api/v1/nodes"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
AUTHN = "authentication.kubernetes.io"
NOW = datetime.now(UTC)


async def token_of(api: API, name: str = "default", **spec: Any) -> Any:
    """A TokenRequest's answer."""
    return await api.create(f"{ACCOUNTS}/{name}/token", {"spec": spec})


async def refused(api: API, spec: Any, metadata: Any = None) -> tuple[int, str]:
    """The status and text that a TokenRequest is refused with."""
    answer = await api.call("POST", f"{ACCOUNTS}/default/token", {"metadata": metadata or {}, "spec": spec})
    return answer.status, answer.body["message"]


async def review(api: API, token: str, *audiences: str) -> Any:
    """The status of a TokenReview, its error without what all have in common."""
    spec = {"token": token} | ({"audiences": list(audiences)} if audiences else {})
    status = (await api.create(REVIEWS, {"spec": spec}))["status"]
    if error := status.get("error"):
        status["error"] = error.removeprefix("[invalid bearer token, ").removesuffix("]" * error.startswith("["))
    return status


def claims(token: str) -> Any:
    """What a token claims."""
    return jwt.decode(token, options={"verify_signature": False})


async def test_the_life_of_a_token(api: API) -> None:
    account = await api.service_account()
    request = await token_of(api, expirationSeconds=600)
    token = request["status"]["token"]
    assert request["metadata"]["uid"] == account["metadata"]["uid"]
    status = await review(api, token)
    user = status["user"]
    assert (status["authenticated"], status["audiences"]) == (True, [api.server.config.issuer])
    assert (user["username"], user["uid"]) == ("system:serviceaccount:default:default", account["metadata"]["uid"])
    assert user["groups"] == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    assert user["extra"] == {f"{AUTHN}/credential-id": [f"JTI={claims(token)['jti']}"]}
    assert (await api.call("GET", CONFIG_MAPS, user=token)).status == 403
    await api.call("DELETE", f"{ACCOUNTS}/default")
    assert (await api.call("GET", CONFIG_MAPS, user=token)).status == 401
    assert await review(api, token) == {"user": {}, "error": 'serviceaccounts "default" not found'}
    again = await api.service_account()
    uids = f"({again['metadata']['uid']}) does not match claim ({account['metadata']['uid']})"
    assert (await review(api, token))["error"] == f"service account UID {uids}"


async def test_a_token_dies_with_its_pod(api: API) -> None:
    await api.service_account()
    node = await api.create(NODES, {"metadata": {"name": "n1"}})
    bound = await api.create(PODS, pod("p", nodeName="n1"))
    ref = {"kind": "Pod", "apiVersion": "v1", "name": "p"}
    token = (await token_of(api, boundObjectRef=ref))["status"]["token"]
    extra = (await review(api, token))["user"]["extra"]
    extra.pop(f"{AUTHN}/credential-id")
    assert extra == {
        f"{AUTHN}/pod-name": ["p"],
        f"{AUTHN}/pod-uid": [bound["metadata"]["uid"]],
        f"{AUTHN}/node-name": ["n1"],
        f"{AUTHN}/node-uid": [node["metadata"]["uid"]],
    }
    await api.call("DELETE", f"{NODES}/n1")
    assert (await api.call("GET", "/api", user=token)).status == 200
    without = (await token_of(api, boundObjectRef=ref))["status"]["token"]
    assert claims(without)["kubernetes.io"]["node"] == {"name": "n1"}
    await api.call("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 0})
    assert (await review(api, token))["error"] == "service account token has been invalidated"
    assert await refused(api, {"boundObjectRef": ref}) == (404, 'pods "p" not found')


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [("Secret", SECRETS, {"metadata": {"name": "o"}}), ("Node", NODES, {"metadata": {"name": "o"}})],
)
async def test_and_with_what_else_it_is_bound_to(api: API, kind: str, path: str, body: Any) -> None:
    await api.service_account()
    first = await api.create(path, body)
    ref = {"kind": kind, "apiVersion": "v1", "name": "o", "uid": first["metadata"]["uid"]}
    token = (await token_of(api, boundObjectRef=ref))["status"]["token"]
    assert (await review(api, token))["authenticated"]
    await api.call("DELETE", f"{path}/o")
    assert (await review(api, token))["error"] == "service account token has been invalidated"
    second = (await api.create(path, body))["metadata"]["uid"]
    word, uid = kind.lower(), first["metadata"]["uid"]
    text = f"{word} UID ({second}) does not match service account {word} ref claim ({uid})"
    assert (await review(api, token))["error"] == text
    why = f"the UID in the bound object reference ({uid}) does not match the UID in record. "
    answer = await refused(api, {"boundObjectRef": ref})
    assert answer[0] == 409
    assert answer[1].startswith(f'Operation cannot be fulfilled on {kind} "o": {why}')


async def test_what_tokens_are_not_bound_to(api: API) -> None:
    await api.service_account()
    await api.service_account(name="other")
    await api.create(PODS, pod("p", serviceAccountName="other"))
    text = 'cannot bind token for serviceaccount "default" to pod running with different serviceaccount name.'
    assert await refused(api, {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p"}}) == (400, text)
    for version, kind, shown in (
        ("v1", "ConfigMap", "/v1, Kind=ConfigMap"),
        ("apps/v1", "Pod", "apps/v1, Kind=Pod"),
    ):
        answer = await refused(api, {"boundObjectRef": {"kind": kind, "apiVersion": version, "name": "p"}})
        assert answer == (400, f"cannot bind token to object of type {shown}")


async def test_tokens_for_webhooks(api: API) -> None:
    """Alpha in 1.37, and off."""
    await api.service_account()
    hook = "admissionregistration.k8s.io/v1, Kind=MutatingWebhookConfiguration"
    version, _, kind = hook.replace("Kind=", "").partition(", ")
    spec = {"boundObjectRef": {"kind": kind, "apiVersion": version, "name": "p"}, "audiences": ["hook"]}
    said = f"cannot bind token to object of type {hook} (feature gate APIServerWebhookAuthenticationToken is disabled)"
    attested = {"attestations": {"admissionReviewAPIGroups": ["apps"]}}
    assert await refused(api, spec | attested) == (400, said)
    invalid = 'TokenRequest.authentication.k8s.io "" is invalid: spec.'
    for wrong, why in (
        (spec, "attestations: Invalid value: null: webhook bound requests require exactly one"),
        (spec | attested | {"audiences": ["a", "b"]}, 'audiences: Invalid value: ["a","b"]: must be length 1'),
        (attested, 'attestations: Invalid value: {"admissionReviewAPIGroups":["apps"]}: attestations may only be'),
    ):
        status, text = await refused(api, wrong)
        assert status == 422
        assert text.startswith(invalid + why)


async def test_what_is_refused(api: API) -> None:
    account = await api.service_account()
    invalid = 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: '
    short = await refused(api, {"expirationSeconds": 5})
    assert short == (422, invalid + "5: may not specify a duration less than 10 minutes")
    long = await refused(api, {"expirationSeconds": 1 << 33})
    assert long == (422, invalid + "8589934592: may not specify a duration larger than 2^32 seconds")
    named = await refused(api, {}, {"name": "other"})
    assert named == (
        422,
        'TokenRequest.authentication.k8s.io "default" is invalid: metadata.name: Invalid value: "other": must match '
        "the service account name if specified",
    )
    uid = await refused(api, {}, {"uid": "x"})
    assert uid == (
        409,
        'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "default": the UID in the token request '
        f"(x) does not match the UID of the service account ({account['metadata']['uid']})",
    )
    assert (await refused(api, {"boundObjectRef": ["x"]}))[0] == 400


async def test_the_token_that_pods_get_lives_longer_than_it_says(api: API) -> None:
    await api.service_account()
    await api.create(PODS, pod("p"))
    ref = {"kind": "Pod", "apiVersion": "v1", "name": "p"}
    request = await token_of(api, boundObjectRef=ref, expirationSeconds=3607)
    token = request["status"]["token"]
    made = claims(token)
    assert made["exp"] - made["iat"] == 365 * 24 * 3600
    assert made["kubernetes.io"]["warnafter"] - made["iat"] == 3607
    tokens = api.server.services.authenticator.service_accounts
    late = Attempt(datetime.fromtimestamp(made["iat"] + 3700, UTC), tokens.audiences)
    assert tokens.authenticate(token, late) is not None
    assert late.annotations["authentication.k8s.io/stale-token"].endswith("seconds after warning threshold: 93")
    await review(api, token)
    assert (await api.samples("serviceaccount_stale_tokens_total")).popitem()[1] == 1
    assert (await api.samples("serviceaccount_valid_tokens_total")).popitem()[1] == 1
    for spec in ({"expirationSeconds": 3607}, {"boundObjectRef": ref, "expirationSeconds": 3600}):
        made = claims((await token_of(api, **spec))["status"]["token"])
        assert made["exp"] - made["iat"] == spec["expirationSeconds"]


async def test_time_and_audiences(api: API) -> None:
    account = await api.service_account()
    tokens = api.server.services.authenticator.service_accounts
    token = tokens.issue(account, ["vault", "x"], timedelta(minutes=10), NOW, [Bound("node", "n", "")]).token

    def at(seconds: float, *audiences: str) -> Any:
        return tokens.authenticate(token, Attempt(NOW + timedelta(seconds=seconds), audiences or tokens.audiences))

    text = rf'token audiences \["vault" "x"\] is invalid for the target audiences \["{api.server.config.issuer}"\]'
    with pytest.raises(Refused, match=text):
        at(0)
    for seconds, word in ((-62, "is not valid yet"), (665, "has expired")):
        with pytest.raises(Refused, match=f"service account token {word}"):
            at(seconds, "vault")
    with pytest.raises(Refused, match="has been invalidated"):  # in time, but there is no such node
        at(655, "vault")
    unbound = tokens.issue(account, ["vault", "x"], timedelta(minutes=10), NOW).token
    assert (await review(api, unbound, "y", "x"))["audiences"] == ["x"]


def forged(key: bytes, kid: str | None = None, **changes: Any) -> str:
    """A token with a signature of our own."""
    made = {"iss": "https://kubernetes.default.svc.cluster.local", "sub": "system:serviceaccount:default:default"}
    return jwt.encode(made | changes, key, algorithm="ES256", headers={"kid": kid} if kid else {})


async def test_signatures(api: API) -> None:
    own, foreign = signing_key(), key_pem(new_key())
    kid = api.server.services.authenticator.service_accounts.keys.verifiers[0].id
    bad = "go-jose/go-jose: error in cryptographic primitive"
    for token, error in (
        (forged(foreign), bad),
        (forged(foreign, kid), bad),
        (forged(foreign, "unknown"), "invalid signature, no keys found"),
        (forged(own, iss="https://elsewhere"), "invalid bearer token"),
        (forged(own), 'serviceaccounts "" not found'),
        ("a.b.c", "invalid bearer token"),
        ("x" * 5000, "invalid bearer token"),
        ("e30.e30", "invalid bearer token"),
    ):
        assert await review(api, token) == {"user": {}, "error": error}
        assert (await api.call("GET", "/api", user=token)).status == 401
    unsigned = jwt.encode({"iss": api.server.config.issuer}, "", algorithm="none")
    assert (await review(api, unsigned))["error"] == bad


async def test_openid_discovery(api: API) -> None:
    document = await api.get("/.well-known/openid-configuration")
    assert document["jwks_uri"].endswith("/openid/v1/jwks")
    answer = await api.call("GET", "/openid/v1/jwks")
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    keys = answer.body["keys"]
    assert keys[0]["alg"] in document["id_token_signing_alg_values_supported"]
    assert "d" not in keys[0]


async def legacy(api: API, secret: str = "old", **changes: Any) -> str:
    """The token of a Secret, as the controller makes it, kept in the Secret; the account must exist."""
    account = await api.get(f"{ACCOUNTS}/default")
    prefix = "kubernetes.io/serviceaccount"
    made = {
        "iss": ISSUER,
        "sub": "system:serviceaccount:default:default",
        f"{prefix}/namespace": "default",
        f"{prefix}/secret.name": secret,
        f"{prefix}/service-account.name": "default",
        f"{prefix}/service-account.uid": account["metadata"]["uid"],
    } | changes
    token = jwt.encode({name: value for name, value in made.items() if value}, signing_key(), algorithm="ES256")
    await api.call("DELETE", f"{SECRETS}/{secret}")
    meta = {"name": secret, "annotations": {"kubernetes.io/service-account.name": "default"}}
    data = {"token": base64.b64encode(token.encode()).decode()}
    await api.create(SECRETS, {"metadata": meta, "type": "kubernetes.io/service-account-token", "data": data})
    return token


async def labels(api: API, name: str) -> Mapping[str, str]:
    """Of a Secret, once it has been written after its creation."""
    async with api.watch(SECRETS, query={"fieldSelector": f"metadata.name={name}"}) as events:
        async for event in events:
            if found := event["object"]["metadata"].get("labels"):
                return dict(found)
    raise AssertionError


async def test_legacy_tokens(api: API) -> None:
    await api.service_account()
    token = await legacy(api)
    status = await review(api, token)
    assert status["user"]["username"] == "system:serviceaccount:default:default"
    assert "extra" not in status["user"]
    assert (await labels(api, "old"))[LAST_USED] == f"{datetime.now(UTC):%Y-%m-%d}"
    answer = await api.call("GET", "/version", user=token)
    assert (answer.status, answer.warnings) == (200, [])
    await api.patch(f"{ACCOUNTS}/default", {"secrets": [{"name": "old"}]})
    asked = await api.call("GET", CONFIG_MAPS, user=token)
    assert (asked.status, len(asked.warnings)) == (403, 1)
    assert "Use tokens from the TokenRequest API or manually created" in asked.warnings[0]
    await api.patch(f"{SECRETS}/old", {"metadata": {"labels": {INVALID_SINCE: "2026-01-01"}}})
    error = (await review(api, token))["error"]
    assert error.startswith("the token in secret default/old for service account default/default has been marked inval")
    await api.patch(f"{SECRETS}/old", {"metadata": {"labels": {INVALID_SINCE: None}}, "data": {"token": "eA=="}})
    assert (await review(api, token))["error"] == "Token does not match server's copy"
    await api.call("DELETE", f"{SECRETS}/old")
    assert (await review(api, token))["error"] == "Token has been invalidated"
    assert {name: count for name, count in (await api.samples("serviceaccount_")).items() if "_total" in name} == {
        "serviceaccount_legacy_tokens_total": 6,
        "serviceaccount_invalid_legacy_auto_token_uses_total": 1,
        "serviceaccount_legacy_auto_token_uses_total": 1,
        "serviceaccount_legacy_manual_token_uses_total": 2,
        "serviceaccount_stale_tokens_total": 0,
        "serviceaccount_valid_tokens_total": 0,
    }


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"sub": ""}, "sub claim is missing"),
        ({"sub": "jane"}, "sub claim is invalid"),
        ({"kubernetes.io/serviceaccount/namespace": ""}, "namespace claim is missing"),
        ({"kubernetes.io/serviceaccount/secret.name": ""}, "secretName claim is missing"),
        ({"kubernetes.io/serviceaccount/service-account.name": ""}, "serviceAccountName claim is missing"),
        ({"kubernetes.io/serviceaccount/service-account.uid": ""}, "serviceAccountUID claim is missing"),
        ({"kubernetes.io/serviceaccount/service-account.uid": "x"}, "ServiceAccount UID ("),
    ],
)
async def test_claims_of_legacy_tokens(api: API, changes: dict[str, str], error: str) -> None:
    await api.service_account()
    assert (await review(api, await legacy(api, **changes)))["error"].startswith(error)


async def test_legacy_tokens_are_for_this_server_only(api: API) -> None:
    await api.service_account()
    token = await legacy(api)
    text = f'token audiences ["{api.server.config.issuer}"] is invalid for the target audiences ["vault"]'
    assert (await review(api, token, "vault"))["error"] == text


async def test_bearer_headers(api: API) -> None:
    async def status(header: str) -> tuple[int, list[str]]:
        reply = await api.raw(Request("GET", "/version", "", {"authorization": header}, raw_path="/version"))
        return reply.status, [value for name, value in reply.headers if name == "Warning"]

    assert (await status("bearer admin"))[0] == 200
    assert (await status("Bearer nobody"))[0] == 401
    assert await status("Basic YTpi") == (200, [])  # nobody's business: anonymous
    said = await status("Bearer  admin")
    assert said[0] == 200
    assert "contains extra space before the bearer token, and is ignored" in said[1][0]
