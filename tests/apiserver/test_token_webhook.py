"""A webhook that is asked about bearer tokens: real HTTPS, a real kubeconfig."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from sampan.apiserver.authentication.options import AuthenticationOptions, load
from sampan.apiserver.flag_values import OptionsError
from tests.apiserver.harness import API, running
from tests.apiserver.hook_server import HookServer, serving
from tests.apiserver.pki import authority

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
JANE = {"username": "jane", "uid": "1", "groups": ["a"], "extra": {"scopes": ["x", "y"]}}


@pytest.fixture
async def hook() -> AsyncIterator[HookServer]:
    async with serving() as server:
        server.answers["/authenticate"] = answer(authenticated=True, user=JANE)
        yield server


def answer(version: str = "v1beta1", **status: Any) -> Any:
    """What the webhook says to everybody."""
    tree = {"apiVersion": f"authentication.k8s.io/{version}", "kind": "TokenReview", "status": status}
    return lambda review: tree


def kubeconfig(path: Path, hook: HookServer, **user: Any) -> str:
    """A file that says how it is reached."""
    ca = base64.b64encode(authority().certificate).decode()
    cluster = {"server": f"https://127.0.0.1:{hook.port}/authenticate", "certificate-authority-data": ca}
    tree = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(tree))
    return str(path)


class Pauses:
    """A sleep that remembers how long it was to be, and wastes no time."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        if seconds > 4:  # the server's own rounds
            await asyncio.sleep(seconds)
        self.taken.append(seconds)


@asynccontextmanager
async def asking(hook: HookServer, tmp_path: Path, **options: Any) -> AsyncIterator[API]:
    """A server that asks the webhook."""
    user = options.pop("user", {})
    file = kubeconfig(tmp_path / "kubeconfig", hook, **user)
    sleep = options.pop("sleep", asyncio.sleep)
    flags = {"authentication_token_webhook_config_file": file, **options}
    async with running(authentication=AuthenticationOptions(**flags), sleep=sleep) as api:
        yield api


async def review(api: API, token: str, *audiences: str) -> Any:
    """The status of a TokenReview, its error without what all have in common."""
    spec = {"token": token} | ({"audiences": list(audiences)} if audiences else {})
    status = (await api.create(REVIEWS, {"spec": spec}))["status"]
    if error := status.get("error"):
        status["error"] = error.removeprefix("[invalid bearer token, ").removesuffix("]" * error.startswith("["))
    return status


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_webhook_names_the_user(hook: HookServer, tmp_path: Path, version: str) -> None:
    hook.answers["/authenticate"] = answer(version, authenticated=True, user=JANE)
    async with asking(hook, tmp_path, user={"token": "secret"}, authentication_token_webhook_version=version) as api:
        issuer = api.server.config.issuer
        assert await review(api, "t") == {
            "authenticated": True,
            "user": {**JANE, "groups": ["a", "system:authenticated"]},
            "audiences": [issuer],
        }
        assert (await api.call("GET", "/version", user="t")).status == 200
        path, query, asked = hook.asked[0]
        assert (path, query, len(hook.asked)) == ("/authenticate", "timeout=30s", 1)
        assert (asked["apiVersion"], asked["kind"]) == (f"authentication.k8s.io/{version}", "TokenReview")
        assert asked["spec"] == {"token": "t", "audiences": [issuer]}
        assert (await api.call("GET", "/version", user="admin")).status == 200  # known without asking
        assert len(hook.asked) == 1


async def test_what_else_it_may_say(hook: HookServer, tmp_path: Path) -> None:
    async with asking(hook, tmp_path, authentication_token_webhook_cache_ttl="0s") as api:
        for status, error in (
            ({"authenticated": False}, "invalid bearer token"),
            ({"authenticated": False, "error": "no such user"}, "no such user"),
            ({}, "invalid bearer token"),
            ({"authenticated": True, "user": JANE, "audiences": ["else"]}, "invalid bearer token"),
            ({"authenticated": True, "user": 7}, "the webhook's answer is no TokenReview"),
        ):
            hook.answers["/authenticate"] = answer(**status)
            assert await review(api, "t") == {"user": {}, "error": error}
            assert (await api.call("GET", "/version", user="t")).status == 401
        hook.answers["/authenticate"] = answer(authenticated=True, user=JANE, audiences=["vault", "x"])
        assert (await review(api, "t", "x", "y"))["audiences"] == ["x"]
        assert hook.asked[-1][2]["spec"]["audiences"] == ["x", "y"]
        hook.answers["/authenticate"] = answer(authenticated=True, user=JANE)
        assert (await review(api, "t", "vault"))["error"] == "invalid bearer token"


async def test_answers_are_remembered(hook: HookServer, tmp_path: Path) -> None:
    async with asking(hook, tmp_path) as api:
        now = api.server.services.now()
        calls = [api.call("GET", "/version", user="t") for _ in range(10)]
        assert {one.status for one in await asyncio.gather(*calls)} == {200}
        assert len(hook.asked) == 1
        await review(api, "t", "vault")  # another question
        assert len(hook.asked) == 2
        hook.answers["/authenticate"] = answer(authenticated=False)
        for _ in range(3):
            assert (await api.call("GET", "/version", user="t")).status == 200
            assert (await api.call("GET", "/version", user="unknown")).status == 401
        assert len(hook.asked) == 3
        api.server.services.now = lambda: now + timedelta(minutes=3)
        assert (await api.call("GET", "/version", user="t")).status == 401
        assert len(hook.asked) == 4
        cache = "authentication_token_cache"
        assert await api.samples(f"{cache}_request_total") == {
            f'{cache}_request_total{{status="miss"}}': 13,  # of which ten at once
            f'{cache}_request_total{{status="hit"}}': 5,
        }
        assert await api.samples(f"{cache}_fetch_total") == {f'{cache}_fetch_total{{status="ok"}}': 4}
        assert set((await api.samples(f"{cache}_active_fetch_count")).values()) == {0}


def failing(times: int, code: int, reason: str) -> Any:
    """An error for the first so many requests."""
    left = [times]

    def reply(review: Any) -> Any:
        if left[0] == 0:
            return answer(authenticated=True, user=JANE)(review)
        left[0] -= 1
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
        return {"raw": orjson.dumps(status | {"message": "try again"}), "code": code}

    return reply


async def test_transient_failures_are_tried_again(hook: HookServer, tmp_path: Path) -> None:
    pauses = Pauses()
    async with asking(hook, tmp_path, sleep=pauses) as api:
        hook.answers["/authenticate"] = failing(3, 500, "InternalError")
        assert (await api.call("GET", "/version", user="t1")).status == 200
        assert len(hook.asked) == 4
        expected = [0.5, 0.75, 1.125]
        assert all(least <= pause <= least * 1.2 for least, pause in zip(expected, pauses.taken, strict=True))
        hook.answers["/authenticate"] = failing(9, 429, "TooManyRequests")
        assert (await review(api, "t2"))["error"] == "try again"
        assert len(hook.asked) == 9
        hook.answers["/authenticate"] = failing(9, 403, "Forbidden")
        assert (await review(api, "t3"))["error"] == "try again"
        assert len(hook.asked) == 10
        assert (await review(api, "t3"))["error"] == "try again"  # errors are not remembered
        assert len(hook.asked) == 11


async def test_a_webhook_that_is_not_there(hook: HookServer, tmp_path: Path) -> None:
    async with asking(hook, tmp_path) as api:
        await hook.stop()
        url = f"https://127.0.0.1:{hook.port}/authenticate"
        said = f'Post "{url}": dial tcp 127.0.0.1:{hook.port}: connect: connection refused'
        assert (await review(api, "t"))["error"] == said
        assert (await api.call("GET", "/version", user="t")).status == 401


async def test_an_answer_that_is_none(hook: HookServer, tmp_path: Path) -> None:
    async with asking(hook, tmp_path) as api:
        hook.answers["/authenticate"] = lambda review: {"raw": b"<html>"}
        assert "json parse error" in (await review(api, "t"))["error"]
        hook.answers["/authenticate"] = lambda review: {"raw": b"[]"}
        assert (await review(api, "t"))["error"].endswith("is no object")
        hook.answers["/authenticate"] = lambda review: {"raw": b" " * (4 << 20)}
        assert "is longer than" in (await review(api, "t"))["error"]


async def test_others_are_served_while_it_hangs(
    hook: HookServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.answers["/authenticate"] = hook.hang
    monkeypatch.setattr("sampan.apiserver.webhooks.remote.TIMEOUT", 0.5)
    async with asking(hook, tmp_path) as api:
        waiting = asyncio.create_task(review(api, "t"))
        await hook.hanging.wait()
        assert (await api.call("GET", "/version")).status == 200
        assert (await waiting)["error"].endswith('/authenticate": context deadline exceeded')


async def test_a_client_that_goes_does_not_end_the_question(hook: HookServer, tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def slowly(review: Any) -> Any:
        hook.hanging.set()
        await go_on.wait()
        return answer(authenticated=True, user=JANE)(review)

    hook.answers["/authenticate"] = slowly
    async with asking(hook, tmp_path) as api:
        first = asyncio.create_task(review(api, "t"))
        await hook.hanging.wait()
        second = asyncio.create_task(review(api, "t"))
        await asyncio.sleep(0)
        first.cancel()
        go_on.set()
        assert (await second)["authenticated"]
        assert len(hook.asked) == 1


def test_what_is_no_webhook(tmp_path: Path) -> None:
    def load_it(**options: Any) -> None:
        load(AuthenticationOptions(authentication_token_webhook_config_file=str(tmp_path / "k"), **options))

    with pytest.raises(OptionsError, match="no context is chosen"):
        load_it()
    (tmp_path / "k").write_text("contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n")
    with pytest.raises(OptionsError, match='cluster "c" does not exist'):
        load_it()
    with pytest.raises(OptionsError, match='unsupported authentication webhook version "v2", supported versions are'):
        load_it(authentication_token_webhook_version="v2")
