"""Microseconds of CEL: compiling a rule, evaluating it over twenty items, and the nanoseconds of a cost unit.

The peer is cel-expr-python, Google's implementation in C++, where it is installed; it checks no object types, counts no
costs and keeps no budget.
"""

import json
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.structural_types import declare

RULE = "self.spec.replicas <= 5 && self.items.all(i, i.name.startsWith('a'))"
LOOP = "self.numbers.all(x, self.numbers.exists(y, x == y))"
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
        "items": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "numbers": {"type": "array", "items": {"type": "integer"}},
    },
}
VALUE = {
    "self": {
        "spec": {"replicas": 3},
        "items": [{"name": f"a{index}"} for index in range(20)],
        "numbers": list(range(100)),
    }
}


def microseconds(work: Callable[[], object], rounds: int) -> float:
    """Of one call, the best of five runs."""
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(rounds):
            work()
        best = min(best, (time.perf_counter() - start) / rounds * 1e6)
    return round(best, 2)


def peer() -> dict[str, float]:
    """The same rule by cel-expr-python, if it is there."""
    if find_spec("cel_expr_python") is None:
        return {}
    cel: Any = import_module("cel_expr_python.cel")
    environment = cel.NewEnv(variables={"self": cel.Type.DYN})
    expression = environment.compile(RULE)
    return {
        "peer_compile_us": microseconds(lambda: environment.compile(RULE), 100),
        "peer_evaluate_us": microseconds(lambda: expression.eval(data=VALUE), 500),
    }


def main() -> None:
    """Print one JSON line."""
    declaration = declare(SCHEMA)
    assert declaration is not None
    environment = Environment().extend({"self": declaration.type})
    rule, loop = environment.compile(RULE), environment.compile(LOOP)
    looped = microseconds(lambda: loop.evaluate(VALUE), 10)
    result = {
        "benchmark": "cel",
        "compile_us": microseconds(lambda: environment.compile(RULE), 100),
        "evaluate_us": microseconds(lambda: rule.evaluate(VALUE), 500),
        "cost": rule.evaluate(VALUE).cost,
        "nanoseconds_per_cost_unit": round(looped * 1000 / loop.evaluate(VALUE).cost, 1),
    }
    print(json.dumps(result | peer()))
