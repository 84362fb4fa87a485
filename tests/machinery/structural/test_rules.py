"""Where rules run, with which old value; the language itself is another package's."""

from collections.abc import Callable, Iterator
from typing import Any

from sampan.machinery.errors import FieldError
from sampan.machinery.paths import Path, invalid
from sampan.machinery.schema import load
from sampan.machinery.structural.object_meta import object_meta_reader
from sampan.machinery.structural.resource import ResourceSchema
from sampan.machinery.structural.rules import Budget, RuleCheck
from sampan.machinery.structural.schema import Structural

METADATA = object_meta_reader(load())


def resource_schema(schema: dict[str, Any] | None, **options: Any) -> ResourceSchema:
    return ResourceSchema(schema, METADATA, **options)


RULE = {"x-kubernetes-validations": [{"rule": "told"}]}


class Recorder:
    """Compiles every rule to one that tells how it was called, and costs one."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any, Any, bool]] = []
        self.compiled: list[tuple[int | None, bool]] = []

    def __call__(self, node: Structural) -> RuleCheck:
        self.compiled.append((node.max_count, node.resource_root))

        def check(
            value: Any, old: Any, path: Path, forgiven: Callable[[], bool], budget: Budget
        ) -> Iterator[FieldError]:
            self.calls.append((str(path), value, old, forgiven()))
            budget.remaining -= 1
            yield invalid(path, value, "told")

        return check


def test_rules_run_from_the_outside_in_and_see_no_null() -> None:
    recorder = Recorder()
    item = {"type": "object", "nullable": True, **RULE}
    inner = {"type": "array", "maxItems": 4, "items": item}
    made = resource_schema({"type": "object", "properties": {"spec": inner}, **RULE}, rules=recorder)
    obj = {"spec": [{"a": 1}, None]}
    assert [error.field for error in made.validate(obj)] == ["", "spec[0]"]
    assert recorder.compiled == [(1, True), (4, False)]
    assert recorder.calls[1] == ("spec[0]", {"a": 1}, None, False)


def test_old_values_come_by_name_and_by_key() -> None:
    recorder = Recorder()
    item = {"properties": {"k": {}, "v": {}}, **RULE}
    keyed = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": item}
    other = {"type": "array", "items": RULE}
    made = resource_schema({"properties": {"spec": {"properties": {"a": keyed, "b": other}}}}, rules=recorder)
    new = {"spec": {"a": [{"k": 2}, {"k": 1, "v": 2}], "b": [1]}}
    old = {"spec": {"a": [{"k": 1, "v": 1}, {"k": 2}], "b": [1]}}
    made.validate_update(new, old)
    assert recorder.calls == [
        ("spec.a[0]", {"k": 2}, {"k": 2}, True),
        ("spec.a[1]", {"k": 1, "v": 2}, {"k": 1, "v": 1}, False),
        ("spec.b[0]", 1, None, True),
    ]


def test_rules_wait_until_the_shape_is_right() -> None:
    recorder = Recorder()
    made = resource_schema({"type": "object", "required": ["spec"], **RULE}, rules=recorder)
    assert [str(error) for error in made.validate({})] == [
        "spec: Required value",
        "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
        "correct the existing errors to complete validation",
    ]
    assert recorder.calls == []


def test_other_errors_do_not_keep_rules_from_running() -> None:
    recorder = Recorder()
    made = resource_schema({"properties": {"spec": {"type": "string", "minLength": 2, **RULE}}}, rules=recorder)
    assert len(made.validate({"spec": "a"})) == 2


def test_nothing_runs_on_credit() -> None:
    class Expensive(Recorder):
        def __call__(self, node: Structural) -> RuleCheck:
            inner = super().__call__(node)

            def check(
                value: Any, old: Any, path: Path, forgiven: Callable[[], bool], budget: Budget
            ) -> Iterator[FieldError]:
                yield from inner(value, old, path, forgiven, budget)
                budget.remaining = -1

            return check

    recorder = Expensive()
    number = {"type": "integer", **RULE}
    made = resource_schema({"properties": {"a": number, "b": number}}, rules=recorder)
    assert len(made.validate({"a": 1, "b": 2})) == 1
