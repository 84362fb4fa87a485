"""A little of `make fuzz`, against a server in memory; and that the judge knows a fault."""

from collections.abc import AsyncIterator
from random import Random, randrange

import pytest

from tests.apiserver.harness import API, running
from tests.fuzz.answers import is_fault
from tests.fuzz.requests import NAMESPACE, request

MOST = 1500


@pytest.fixture
async def api() -> AsyncIterator[API]:
    async with running() as api:
        yield api


async def test_every_request_has_an_answer(api: API) -> None:
    await api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    seed = randrange(1 << 30)
    random, statuses = Random(seed), set()
    for _ in range(MOST):
        sent = request(random)
        answer = await api.call(sent.method, sent.path, sent.body, query=sent.query, content_type=sent.content)
        statuses.add(answer.status)
        assert not is_fault(sent.method, answer.status, repr(answer.body).encode()), f"seed {seed}: {answer} to {sent}"
    assert {200, 201, 400, 404, 422} <= statuses


def test_what_is_a_fault() -> None:
    for status, body in ((500, b"oops"), (500, b""), (501, b"x"), (502, b""), (504, b"Timeout: it took too long")):
        assert is_fault("GET", status, body)
    assert is_fault("HEAD", 502, b"") and not is_fault("HEAD", 504, b"") and not is_fault("GET", 404, b"")
    assert not is_fault("GET", 504, b'{"message":"Timeout: Too large resource version: 9, current: 1"}')
