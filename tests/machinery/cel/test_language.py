"""The language against upstream's answers: values, types, texts of errors, estimated and actual costs.

Each line of language.jsonl (with variables of any type) and typed.jsonl (with `self` as rules.json declares it) is an
expression of ours with what Kubernetes 1.37.2's own environment made of it.
"""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.errors import BudgetExceeded, CompileError, EvaluationError, InstantiationError
from sampan.machinery.cel.structural_types import declare
from sampan.machinery.cel.types import DYN
from sampan.machinery.cel.values import NONE, Optional, UInt, type_name

HERE = Path(__file__).parent
CASES = [
    json.loads(line) for name in ("language", "typed") for line in (HERE / f"{name}.jsonl").read_text().splitlines()
]
TYPED = json.loads((HERE / "rules.json").read_text())
VARIABLES = json.loads((HERE / "variables.json").read_text()) | {"typed": {"self": TYPED["object"]["spec"]}}
BASE = Environment()
DECLARED = declare({"type": "object", "properties": TYPED["properties"]})


@pytest.mark.parametrize("case", CASES, ids=[case["expression"] for case in CASES])
def test_expression(case: dict[str, Any]) -> None:
    variables = VARIABLES[case["variables"]]
    assert DECLARED is not None
    typed = case["variables"] == "typed"
    environment = BASE.extend({"self": DECLARED.type} if typed else dict.fromkeys(variables, DYN))
    if "compile" in case:
        with pytest.raises(CompileError) as refused:
            environment.compile(case["expression"])
        assert str(refused.value) == case["compile"]
        return
    if case.get("error", "").startswith("program: "):
        with pytest.raises(InstantiationError) as impossible:
            environment.compile(case["expression"])
        assert f"program: {impossible.value}" == case["error"]
        return
    program = environment.compile(case["expression"])
    assert str(program.result_type) == case["type"]
    assert [program.estimate.least, program.estimate.most] == case["estimate"]
    if "error" in case:
        with pytest.raises((EvaluationError, BudgetExceeded)) as failed:
            program.evaluate(variables)
        assert str(failed.value) == case["error"]
        return
    result = program.evaluate(variables)
    assert result.cost == case["cost"]
    if "value" in case:
        assert_value(result.value, case["value"])


def assert_value(value: Any, expected: str) -> None:
    """`expected` is `type:value` as Go prints it."""
    kind, _, text = expected.partition(":")
    if isinstance(value, Optional):
        assert expected == "optional.none()" if value is NONE else expected.startswith("optional(")
    elif kind in ("list", "map"):
        assert plain(value) == json.loads(text)
    else:
        assert type_name(value) == kind
        if kind in ("int", "uint"):
            assert int(value) == int(text)
        elif kind == "double":
            assert value == float(text.replace("Inf", "inf")) or math.isnan(value)
        elif kind in ("bool", "string"):
            assert (str(value).lower() if kind == "bool" else value) == text


def plain(value: Any) -> Any:
    """A value as JSON."""
    if isinstance(value, UInt):
        return int(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key).lower() if isinstance(key, bool) else str(key): plain(item) for key, item in value.items()}
    return value
