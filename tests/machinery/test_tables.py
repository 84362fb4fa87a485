from datetime import UTC, datetime, timedelta

import pytest

from sampan.machinery import durations, tables
from sampan.machinery.kind import Column
from tests.machinery.sample import POD, POD_KIND, kind

MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 365 * DAY
NOW = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1, "0s"),
        (-0.5, "0s"),
        (0, "0s"),
        (119.9, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (10 * MINUTE - 1, "9m59s"),
        (10 * MINUTE, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 60, "3h1m"),
        (8 * HOUR, "8h"),
        (2 * DAY - 1, "47h"),
        (2 * DAY, "2d"),
        (2 * DAY + HOUR, "2d1h"),
        (8 * DAY, "8d"),
        (2 * YEAR - 1, "729d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + DAY, "2y1d"),
        (8 * YEAR + 5 * DAY, "8y"),
    ],
)
def test_durations(seconds, text):
    assert durations.duration_human(seconds) == text


def web(**meta):
    created = (NOW - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "web", "creationTimestamp": created, **meta},
        "spec": {},
    }


def test_a_kind_without_columns_has_name_and_age():
    table = tables.table(POD_KIND, [web()], NOW, metadata={"resourceVersion": "7"})
    assert (table["kind"], table["apiVersion"], table["metadata"]) == (
        "Table",
        "meta.k8s.io/v1",
        {"resourceVersion": "7"},
    )
    assert [(c["name"], c["type"], c["format"], c["priority"]) for c in table["columnDefinitions"]] == [
        ("Name", "string", "name", 0),
        ("Age", "string", "", 0),
    ]
    (row,) = table["rows"]
    assert row["cells"] == ["web", "60m"]
    assert row["object"]["kind"] == "PartialObjectMetadata" and row["object"]["apiVersion"] == "meta.k8s.io/v1"
    assert row["object"]["metadata"]["name"] == "web" and "spec" not in row["object"]


def test_columns_and_row_objects():
    wide = kind(
        "Pod", "pods", POD, columns=(tables.NAME, Column("Restarts", lambda obj, now: 3, "integer", priority=1))
    )
    obj = web(creationTimestamp=None)
    table = tables.table(wide, [obj], NOW, "Object", headers=False, api_version="meta.k8s.io/v1beta1")
    assert table["columnDefinitions"] is None and table["rows"] == [{"cells": ["web", 3], "object": obj}]
    assert tables.table(wide, [obj], NOW, "None")["rows"][0]["object"] is None
    assert tables.age(obj, NOW) == "<unknown>"


def test_partial_metadata_list():
    found = tables.partial_metadata_list([web()], {"resourceVersion": "7"})
    assert found["kind"] == "PartialObjectMetadataList" and found["metadata"] == {"resourceVersion": "7"}
    assert found["items"][0]["metadata"] == web()["metadata"]
