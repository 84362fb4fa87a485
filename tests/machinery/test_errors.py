"""From an answer's Status back to an exception."""

import pytest

from sampan.machinery import errors
from sampan.machinery.errors import APIError, from_status


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"reason": "AlreadyExists", "code": 409}, errors.AlreadyExists),
        ({"reason": "Expired", "code": 410}, errors.Expired),
        ({"reason": "NotFound", "code": 500}, errors.NotFound),
        ({"reason": "SomethingNew", "code": 409}, errors.Conflict),  # to try again can do no harm
        ({"code": 409}, errors.Conflict),
        ({"code": 410}, errors.Gone),
        ({"code": 500}, errors.InternalError),
        ({}, errors.InternalError),
        ({"code": 418}, APIError),
    ],
)
def test_the_class_of_a_status(body: dict[str, object], expected: type[APIError]) -> None:
    found = from_status({"message": "m", **body})
    assert type(found) is expected
    assert found.message == "m"
    assert (found.status_code, found.status_reason) == (body.get("code", 500), body.get("reason", ""))


def test_every_reason_comes_back_as_its_class() -> None:
    own = [one for one in APIError.__subclasses__() if one.__module__ == errors.__name__]
    assert len(own) > 10
    for one in own:
        assert type(from_status(one("m").status())) is one
