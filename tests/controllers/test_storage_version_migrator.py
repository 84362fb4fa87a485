"""Writing all objects of a resource again: whose turn it is, what is told, and custom resources that change version."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.controllers.storage_version_migrator.controller import StorageVersionMigrator
from sampan.controllers.storage_version_migrator.definition import ended
from sampan.controllers.storage_version_migrator.plan import Step, find_kind, next_step, older, why_not
from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.registry import builtin_catalogue
from sampan.kinds.storagemigration.storage_version_migration import KIND as MIGRATION
from sampan.machinery.errors import BadRequest, ServiceUnavailable
from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.testing.clock import EPOCH
from tests.controllers.cluster import NS, Cluster
from tests.kinds.definitions import crd, version


def migration(name: str, *true: str, age: int = 0, resource: str = "pods", revision: str = "") -> Object:
    return {
        "metadata": {"name": name, "creationTimestamp": f"2025-01-01T00:00:{59 - age:02}Z"},
        "spec": {"resource": {"resource": resource}},
        "status": {"conditions": [{"type": one, "status": "True"} for one in true], "resourceVersion": revision},
    }


@pytest.mark.parametrize(
    ("this", "others", "step"),
    [
        (migration("a"), [], Step.START),
        (migration("a"), [migration("b", age=1)], Step.NONE),
        (migration("a"), [migration("b")], Step.START),
        (migration("b"), [migration("a")], Step.NONE),
        (migration("a"), [migration("b", "Running")], Step.NONE),
        (
            migration("a"),
            [migration("b", "Running", resource="nodes"), migration("c", "Running", "Failed")],
            Step.START,
        ),
        (migration("a", "Running"), [], Step.CHECKPOINT),
        (migration("a", "Running", revision="5"), [], Step.MIGRATE),
        (migration("a", "Running", "Succeeded", revision="5"), [], Step.FINISH),
        (migration("a", "Failed"), [], Step.NONE),
    ],
)
def test_one_at_a_time(this: Object, others: list[Object], step: Step) -> None:
    assert next_step(this, [this, *others]) is step


def test_what_can_be_migrated() -> None:
    kinds = builtin_catalogue().kinds
    assert find_kind(kinds, ("", "deployments")) is None
    deployments = find_kind(kinds, ("apps", "deployments"))
    assert deployments is not None
    assert why_not(deployments) == ""
    told = 'resource "/v1, Resource=bindings" does not support discovery operations: [update patch list]'
    assert (
        why_not(Kind(name="Binding", plural="bindings", versions=(ServedVersion("", "v1", ""),), verbs=("create",)))
        == told
    )


@given(st.lists(st.integers(1, 2**70)), st.integers(1, 2**70))
def test_what_is_older_is_written(revisions: list[int], limit: int) -> None:
    objects = [{"metadata": {"resourceVersion": str(revision)}} for revision in revisions]
    found = [int(one["metadata"]["resourceVersion"]) for one in older(objects, str(limit))]
    assert found == [revision for revision in revisions if revision <= limit]


@pytest.mark.parametrize("revision", ["", "0", "01", "-1", "x", "\u0661"])
def test_revisions_that_are_none(revision: str) -> None:
    with pytest.raises(ValueError, match="not well formed"):
        older([{"metadata": {"resourceVersion": revision}}], "9" * 5000)


def test_a_definition_that_has_changed_meanwhile_keeps_its_stored_versions() -> None:
    condition = {"type": "StorageMigrating", "status": "True", "observedGeneration": 1}
    definition = {
        "metadata": {"name": "d", "resourceVersion": "1", "generation": 2},
        "spec": {"versions": [{"name": "v1", "storage": False}, {"name": "v2", "storage": True}]},
        "status": {"conditions": [condition], "storedVersions": ["v1", "v2"]},
    }
    made = ended(definition, EPOCH, success=True)["status"]
    assert "storedVersions" not in made
    assert made["conditions"][0]["message"].endswith("not been updated due to a generation mismatch")
    definition["metadata"]["generation"] = 1
    assert ended(definition, EPOCH, success=True)["status"]["storedVersions"] == ["v2"]
    assert "storedVersions" not in ended(definition, EPOCH, success=False)["status"]


async def migrate(cluster: Cluster, name: str, resource: str, group: str = "") -> Object:
    """Create a migration, and wait for its end."""
    spec = {"resource": {"group": group, "resource": resource}}
    await cluster.create(MIGRATION, {"metadata": {"name": name}, "spec": spec})
    return await cluster.one(MIGRATION, name, is_over)


def is_over(migration: Object) -> bool:
    found = {one["type"]: one["status"] for one in migration["status"].get("conditions") or ()}
    return found.get("Running") == "False" and "True" in (found.get("Succeeded"), found.get("Failed"))


def told(migration: Object) -> list[tuple[str, ...]]:
    return [(one["type"], one["status"], one["reason"], one["message"]) for one in migration["status"]["conditions"]]


SHIRT = Kind(name="Shirt", plural="shirts", versions=(ServedVersion("stable.example.com", "v1", ""),))


async def test_custom_resources_come_to_lie_in_the_storage_version(cluster: Cluster) -> None:
    old, new = version("v1"), version("v2")
    definition = await cluster.create(DEFINITION, crd(old, {**new, "storage": False}))
    name = definition["metadata"]["name"]
    await cluster.one(DEFINITION, name, lambda found: "Established" in str(found["status"]))
    made = [await cluster.create(SHIRT, {"metadata": {"name": one}, "spec": {"color": "red"}}) for one in ("a", "b")]
    versions = {"spec": {"versions": [{**old, "storage": False}, new]}}
    changed = await cluster.client.patch(DEFINITION, name, versions)
    assert changed["status"]["storedVersions"] == ["v1", "v2"]
    done = await migrate(cluster, "shirts", "shirts", "stable.example.com")
    assert told(done) == [
        ("Running", "False", "MigrationCompleted", "Migration completed"),
        ("Succeeded", "True", "StorageVersionMigrationSucceeded", "Migration completed"),
    ]
    assert int(done["status"]["resourceVersion"]) >= int(made[-1]["metadata"]["resourceVersion"])
    for one in made:
        now = await cluster.client.get(SHIRT, one["metadata"]["name"], NS)
        assert int(now["metadata"]["resourceVersion"]) > int(done["status"]["resourceVersion"])
    after = await cluster.client.get(DEFINITION, name)
    assert after["status"]["storedVersions"] == ["v2"]
    [condition] = [one for one in after["status"]["conditions"] if one["type"] == "StorageMigrating"]
    assert (condition["status"], condition["reason"]) == ("False", "MigrationSucceeded")
    again = await cluster.client.get(SHIRT, "a", NS)
    await migrate(cluster, "again", "shirts", "stable.example.com")
    assert await cluster.client.get(SHIRT, "a", NS) == again  # it lies there as it should


async def test_what_passes_is_tried_again_and_what_does_not_ends_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors, written = [ServiceUnavailable("wait"), None, None], list[str]()

    async def write(self: Any, kind: Kind, one: Object) -> None:
        if errors and (error := errors.pop(0)):
            raise error
        written.append(one["metadata"]["name"])

    monkeypatch.setattr(StorageVersionMigrator, "_write", write)
    await cluster.create(CONFIG_MAP, {"metadata": {"name": "one"}})
    await cluster.create(CONFIG_MAP, {"metadata": {"name": "two"}})
    seen = list[str]()
    cluster.informer(MIGRATION).on_change(lambda old, new: seen.append(str((new or {}).get("status"))))
    done = await migrate(cluster, "passing", "configmaps")
    assert {"one", "two"} <= set(written)
    assert told(done)[1][0] == "Succeeded"
    assert any("objects not yet migrated; transient error: wait" in status for status in seen)
    errors.extend([BadRequest("no")] * 1000)
    [_, failed] = told(await migrate(cluster, "failing", "configmaps"))
    assert failed[:3] == ("Failed", "True", "StorageVersionMigrationFailed")
    assert failed[3].endswith(" not yet migrated. migration encountered unhandled error: no")


async def test_a_resource_that_never_comes(cluster: Cluster) -> None:
    done = await migrate(cluster, "never", "nothings", "example.com")
    assert told(done)[1][1:] == ("True", "StorageVersionMigrationFailed", "resource does not exist in discovery")
