"""Seats of requests, and when who was refused should come again."""

from typing import Any

import pytest

from sampan.apiserver.fairness.retry_after import Dropped
from sampan.apiserver.fairness.work import ONE, Work, work_of
from sampan.apiserver.requestinfo import parse_request

PODS, POD = "/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/pods/web"


@pytest.mark.parametrize(
    ("query", "objects", "size", "seats"),
    [
        ({}, 0, 0, 1),
        ({}, 10, 10_000, 1),
        ({}, 1000, 500_000, 5),
        ({}, 1000, 501_000, 6),
        ({}, 10_000, 50_000_000, 10),
        ({"limit": "100"}, 10_000, 20_000_000, 2),
        ({"limit": "9" * 300}, 10, 10_000, 1),
        ({"limit": "-1"}, 1000, 500_000, 5),
        ({"fieldSelector": "metadata.name=web"}, 10, 900_000, 1),
        ({"watch": "true"}, 1000, 500_000, 5),
        ({"watch": "true", "resourceVersion": "0"}, 1000, 500_000, 5),
        ({"watch": "true", "resourceVersion": "17"}, 1000, 500_000, 1),
        ({"watch": "true", "resourceVersion": "17", "sendInitialEvents": "true"}, 1000, 500_000, 5),
    ],
)
def test_lists_take_seats_by_what_they_read(query: dict[str, str], objects: int, size: int, seats: int) -> None:
    assert work_of(parse_request("GET", PODS, query), query, 0, lambda info: (objects, size), 0) == Work(seats)


def test_a_level_bounds_the_seats_of_one_request() -> None:
    assert work_of(parse_request("GET", PODS, {}), {}, 3, lambda info: (1000, 900_000), 0) == Work(3)


@pytest.mark.parametrize(
    ("watches", "most", "work"),
    [
        (0, 0, ONE),
        (9, 0, ONE),
        (10, 0, Work(1, 1, 0.005)),
        (95, 0, Work(1, 10, 0.005)),
        (1000, 0, Work(1, 10, 0.05)),
        (1000, 2, Work(1, 2, 0.25)),
    ],
)
def test_writes_take_seats_by_those_who_watch(watches: int, most: int, work: Work) -> None:
    def stored(info: Any) -> Any:
        raise AssertionError

    assert work_of(parse_request("PUT", POD, {}), {}, most, stored, watches) == work


def test_a_token_is_no_event() -> None:
    info = parse_request("POST", "/api/v1/namespaces/default/serviceaccounts/x/token", {})
    assert work_of(info, {}, 0, lambda info: (0, 0), 1000) == ONE


def test_who_is_refused_waits_longer_while_many_are() -> None:
    dropped, told = Dropped(), []
    for second in range(100, 170):
        for _ in range(200):
            dropped.note(second)
        told.append(dropped.retry_after)
    assert told[0] == 1
    assert told == sorted(told)
    assert told[-1] == 32
    for second in range(1000, 1100):
        dropped.note(2 * second)
    assert dropped.retry_after == 1
