"""What a deletion makes of an object, and when."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sampan.apiserver.deletion import marked
from sampan.apiserver.options import DeleteOptions
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.kind import Kind, Served

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


def after(kind: Kind, old: Any, seconds: int | None = None) -> tuple[str, int] | None:
    """(deletionTimestamp's time of day, grace) of an object that is deleted with so many seconds; None if unchanged."""
    new = marked(Served(kind, kind.storage), old, DeleteOptions(seconds), NOW)
    meta = new["metadata"]
    return None if new is old else (meta["deletionTimestamp"][11:19], meta["deletionGracePeriodSeconds"])


def pod(node: str = "n", phase: str = "Running", grace: int | None = 30, **meta: Any) -> Any:
    spec = {"nodeName": node} | ({} if grace is None else {"terminationGracePeriodSeconds": grace})
    return {"kind": "Pod", "metadata": {"name": "p", **meta}, "spec": spec, "status": {"phase": phase}}


def going(until: str, grace: int) -> Any:
    return pod(deletionTimestamp=f"2026-01-02T{until}Z", deletionGracePeriodSeconds=grace)


@pytest.mark.parametrize(
    ("old", "seconds", "expected"),
    [
        (pod(), None, ("12:00:30", 30)),
        (pod(grace=None), None, ("12:00:30", 30)),
        (pod(), 5, ("12:00:05", 5)),
        (pod(), 0, ("12:00:00", 0)),
        (pod(), -3, ("12:00:01", 1)),
        (pod(grace=-1), None, ("12:00:01", 1)),
        (pod(node=""), 5, ("12:00:00", 0)),
        (pod(phase="Failed"), None, ("12:00:00", 0)),
        (pod(phase="Succeeded"), 5, ("12:00:00", 0)),
    ],
)
def test_a_pod_goes_on_for_a_while(old: Any, seconds: int | None, expected: tuple[str, int]) -> None:
    assert after(POD, old, seconds) == expected


@pytest.mark.parametrize(
    ("old", "seconds", "expected"),
    [
        (going("12:00:20", 30), None, None),  # ten seconds ago
        (going("12:00:20", 30), 30, None),
        (going("12:00:20", 30), 40, None),
        (going("12:00:20", 30), 15, ("12:00:05", 15)),
        (going("12:00:20", 30), 5, ("12:00:00", 1)),  # that would have been five seconds ago
        (going("12:00:20", 30), -1, ("12:00:00", 1)),
        (going("12:00:20", 30), 0, ("12:00:00", 0)),
    ],
)
def test_a_second_deletion_may_bring_the_end_nearer(
    old: Any, seconds: int | None, expected: tuple[str, int] | None
) -> None:
    assert after(POD, old, seconds) == expected


def test_only_kinds_that_say_so_have_any_grace() -> None:
    custom = Kind(name="Pod", plural="pods", versions=CONFIG_MAP.versions)
    assert after(custom, pod(), 5) == ("12:00:00", 0)
    assert after(CONFIG_MAP, {"metadata": {"name": "a"}}, 5) == ("12:00:00", 0)


def test_a_namespace_that_goes_is_terminating() -> None:
    old = {"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    new = marked(Served(NAMESPACE, NAMESPACE.storage), old, DeleteOptions(), NOW)
    assert (new["status"], old["status"]) == ({"phase": "Terminating"}, {"phase": "Active"})
    assert NAMESPACE.is_finished is not None
    assert not NAMESPACE.is_finished(new) and NAMESPACE.is_finished({**new, "spec": {}})
