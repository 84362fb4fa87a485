"""Rules of custom resources against upstream's answers: what is wrong with the definition, and with an object.

Each line of rules.jsonl is a case of ours with what Kubernetes 1.37.2's validation made of it.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from sampan.machinery.cel.crd_rules import RuleChecks
from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.rule_audit import RuleAudit, expressions, shape_errors
from sampan.machinery.paths import Path as FieldPath
from sampan.machinery.structural.rules import Rules
from sampan.machinery.structural.schema import Structural

HERE = Path(__file__).parent
CASES = [json.loads(line) for line in (HERE / "rules.jsonl").read_text().splitlines()]
SHARED = json.loads((HERE / "rules.json").read_text())
STORED = Environment()
CHECKS = RuleChecks(STORED)
AUDIT = RuleAudit(Environment(version=(1, 36)), STORED)
ROOT = FieldPath("openAPIV3Schema")


def schema_of(case: dict[str, Any]) -> dict[str, Any]:
    if "schema" in case:
        return dict(case["schema"])
    spec = {
        "type": "object",
        "properties": SHARED["properties"],
        "x-kubernetes-validations": [case["rule"] if isinstance(case["rule"], dict) else {"rule": case["rule"]}],
    }
    return {"type": "object", "properties": {"spec": spec}}


def old_of(case: dict[str, Any]) -> Any:
    old = case.get("old")
    if old is None or "changed" not in old:
        return old
    return {**SHARED["object"], "spec": {**SHARED["object"]["spec"], **old["changed"]}}


def identify(case: dict[str, Any]) -> str:
    return json.dumps(case.get("rule") or case["schema"])[:100]


@pytest.mark.parametrize("case", CASES, ids=map(identify, CASES))
def test_rule(case: dict[str, Any]) -> None:
    schema = schema_of(case)
    spec = schema.get("properties", {}).get("spec", {})
    found = [str(error) for error in AUDIT.errors(schema, ROOT)]
    shape = [str(error) for error in shape_errors(spec, ROOT.child("properties").key("spec"))]
    assert sorted(shape or found) == sorted(case["definition"])
    value, old = case.get("object", SHARED["object"]), old_of(case)
    node = Structural(schema, resource_root=True)
    errors = Rules(CHECKS).errors(node, value, old, update=bool(case.get("update")))
    assert sorted(str(error).removeprefix(": ") for error in errors) == sorted(case["errors"])


def test_a_rule_that_is_new_may_not_use_what_the_release_before_lacks() -> None:
    schema = schema_of({"rule": "self.l.includes('a')"})
    assert "undeclared reference to 'includes'" in str(AUDIT.errors(schema, ROOT)[0])
    assert AUDIT.errors(schema, ROOT, known=frozenset(expressions(schema))) == []


def test_costs_of_an_unchanged_schema_are_not_held_against_it() -> None:
    schema = schema_of({"schema": {"type": "object", "properties": {"spec": _unbounded()}}})
    assert any("exceeds budget by factor" in str(error) for error in AUDIT.errors(schema, ROOT))
    kept = AUDIT.errors(schema, ROOT, unchanged=True)
    assert not any("estimated rule cost exceeds" in str(error) for error in kept)


def test_nodes_with_errors_of_their_own_are_passed_over() -> None:
    schema = schema_of({"rule": "self.zz == 1"})
    assert AUDIT.errors(schema, ROOT, sound=lambda path: not str(path).endswith("[spec]")) == []


def _unbounded() -> dict[str, Any]:
    rule = {"rule": "self.all(x, self.all(y, x != y || x == y))"}
    return {"type": "array", "items": {"type": "string"}, "x-kubernetes-validations": [rule]}


@pytest.mark.parametrize("text", ["9" * 400 + "d", "99999999999w"])
def test_a_duration_beyond_64_bits_fails_the_rule(text: str) -> None:
    """The format takes it, for it looks at the form alone."""
    node = {"type": "string", "format": "duration", "x-kubernetes-validations": [{"rule": "self > duration('1s')"}]}
    schema = Structural({"type": "object", "properties": {"a": node}}, resource_root=True)
    (told,) = Rules(CHECKS).of_default(schema, {"a": text}, ROOT)
    assert "Invalid duration" in str(told)
