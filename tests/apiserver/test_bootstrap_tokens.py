"""Bootstrap tokens as credentials."""

from datetime import UTC, datetime, timedelta

import pytest

from sampan.machinery.meta import format_time
from tests.apiserver.harness import API

SECRETS = "/api/v1/namespaces/kube-system/secrets"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
GOOD = {
    "token-id": "07401b",
    "token-secret": "f395accd246ae52d",
    "usage-bootstrap-authentication": "true",
}
TOKEN = "07401b.f395accd246ae52d"


async def keep(api: API, **changes: str) -> None:
    """The Secret of the token."""
    data = GOOD | {name.replace("_", "-"): value for name, value in changes.items()}
    meta = {"name": "bootstrap-token-07401b"}
    await api.create(SECRETS, {"metadata": meta, "type": "bootstrap.kubernetes.io/token", "stringData": data})


async def test_a_token_makes_a_user(api: API) -> None:
    await keep(api, auth_extra_groups="system:bootstrappers:z,system:bootstrappers:a")
    status = (await api.create(REVIEWS, {"spec": {"token": TOKEN}}))["status"]
    assert status == {
        "authenticated": True,
        "user": {
            "username": "system:bootstrap:07401b",
            "groups": [
                "system:bootstrappers",
                "system:bootstrappers:a",
                "system:bootstrappers:z",
                "system:authenticated",
            ],
        },
        "audiences": [api.server.config.issuer],
    }
    other = (await api.create(REVIEWS, {"spec": {"token": TOKEN, "audiences": ["vault"]}}))["status"]
    assert other == {"user": {}, "error": "invalid bearer token"}
    await api.call("DELETE", f"{SECRETS}/bootstrap-token-07401b")
    assert (await api.call("GET", "/version", user=TOKEN)).status == 401


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 200),
        ({"expiration": format_time(datetime.now(UTC) + timedelta(days=1))}, 200),
        ({"expiration": format_time(datetime.now(UTC) - timedelta(minutes=5))}, 401),
        ({"expiration": "never"}, 401),
        ({"expiration": "2124-01-01"}, 401),
        ({"token_secret": "0123456789abcdef"}, 401),
        ({"token_id": "aaaaaa"}, 401),
        ({"usage_bootstrap_authentication": "yes"}, 401),
        ({"auth_extra_groups": "system:masters"}, 401),
        ({"auth_extra_groups": "system:bootstrappers:"}, 401),
        ({"auth_extra_groups": "system:bootstrappers:a:b-c"}, 200),
    ],
)
async def test_which_are_good(api: API, changes: dict[str, str], status: int) -> None:
    await keep(api, **changes)
    assert (await api.call("GET", "/version", user=TOKEN)).status == status


async def test_only_tokens_of_the_type_and_form(api: API) -> None:
    await api.create(SECRETS, {"metadata": {"name": "bootstrap-token-07401b"}, "stringData": GOOD})
    for token in (TOKEN, TOKEN + "\n", "07401B.f395accd246ae52d", "07401b.f395accd246ae52", "07401b"):
        assert (await api.call("GET", "/version", user=token)).status == 401
