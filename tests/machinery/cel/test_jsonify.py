"""Values that expressions make, as JSON."""

from typing import Any

import pytest

from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.cel.jsonify import to_json


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("[dyn(1), dyn(2u), dyn(1.5), dyn(true), dyn(null), dyn('a')]", [1, 2, 1.5, True, None, "a"]),
        ("{'a': {'b': [1]}}", {"a": {"b": [1]}}),
        ("{1: 'a'}", {"1": "a"}),
        ("{true: 'b'}", {"true": "b"}),
        ("b'abc'", "YWJj"),
        ("timestamp('2026-01-02T03:04:05Z')", "2026-01-02T03:04:05Z"),
        ("duration('90s')", "90s"),
        ("[optional.of(1), optional.none()]", [1, None]),
    ],
)
def test_values(text: str, made: Any) -> None:
    found = to_json(Environment().compile(text).evaluate({}).value)
    assert found == made and repr(found) == repr(made)


@pytest.mark.parametrize("text", ["type(1)", "url('https://a')", "0.0 / 0.0"])
def test_what_has_no_form(text: str) -> None:
    with pytest.raises(EvaluationError, match="has no form in JSON"):
        to_json(Environment().compile(text).evaluate({}).value)
