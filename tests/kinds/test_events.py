"""Events: one store, two views, and each view's rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kinds.write import cells, create_errors, decoded, encoded, served, update_errors

CORE = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": {"name": "p.1", "namespace": "default"},
    "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
    "reason": "Started",
    "message": "Started container main\n",
    "type": "Normal",
    "count": 3,
    "firstTimestamp": "2026-01-02T11:00:00Z",
    "lastTimestamp": "2026-01-02T11:59:00Z",
    "source": {"component": "kubelet", "host": "n1"},
}
NEW = {
    "apiVersion": "events.k8s.io/v1",
    "kind": "Event",
    "metadata": {"name": "p.2", "namespace": "default"},
    "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
    "eventTime": "2026-01-02T11:59:00.000000Z",
    "reportingController": "example.com/controller",
    "reportingInstance": "c-1",
    "action": "Starting",
    "reason": "Started",
    "note": "Started",
    "type": "Normal",
}


def without(manifest, *fields):
    return {field: value for field, value in manifest.items() if field not in fields}


def test_views():
    view = encoded("events.k8s.io/v1", decoded(CORE))
    assert view["note"] == CORE["message"]
    assert view["regarding"] == CORE["involvedObject"]
    assert (view["deprecatedCount"], view["deprecatedSource"]) == (3, CORE["source"])
    stored = decoded(NEW)
    assert (stored["message"], stored["reportingComponent"]) == ("Started", "example.com/controller")


@given(st.dictionaries(st.sampled_from(["note", "reason", "action"]), st.text(min_size=1)))
def test_round_trip(fields):
    manifest = {**NEW, **fields}
    back = encoded("events.k8s.io/v1", decoded(manifest))
    written = {field: value for field, value in back.items() if value is not None}  # Go writes null for no time
    assert without(written, "deprecatedSource") == manifest


def test_good_ones():
    assert create_errors(CORE) == []
    assert create_errors(NEW) == []


@pytest.mark.parametrize(
    ("manifest", "errors"),
    [
        (
            {**CORE, "involvedObject": {"kind": "Pod", "namespace": "other"}},
            ['involvedObject.namespace: Invalid value: "other": does not match event.namespace'],
        ),
        (
            {**CORE, "eventTime": NEW["eventTime"]},
            [
                "reportingComponent: Required value",
                "reportingInstance: Required value",
                "action: Required value",
            ],
        ),
        (without(NEW, "reportingController"), ["reportingController: Required value"]),
        (without(NEW, "eventTime"), ["eventTime: Required value"]),
        ({**NEW, "type": "Bad"}, ['type: Invalid value: "": has invalid value: Bad']),
        ({**NEW, "deprecatedCount": 1}, ['count: Invalid value: "": needs to be unset']),
        (
            {**NEW, "series": {"count": 1, "lastObservedTime": NEW["eventTime"]}},
            ['series.count: Invalid value: "": should be at least 2'],
        ),
        ({**NEW, "note": "x" * 1025}, ['message: Invalid value: "": can have at most 1024 characters']),
    ],
)
def test_refused(manifest, errors):
    assert create_errors(manifest) == errors


def test_only_the_series_changes_in_the_new_view():
    old = decoded(NEW)
    old["metadata"]["resourceVersion"] = "1"
    counted = {**NEW, "series": {"count": 2, "lastObservedTime": NEW["eventTime"]}}
    assert update_errors(old, counted) == []
    assert update_errors(old, {**NEW, "note": "other"}) == ['message: Invalid value: "other": field is immutable']
    core_old = decoded(CORE)
    core_old["metadata"]["resourceVersion"] = "1"
    assert update_errors(core_old, {**CORE, "count": 4, "message": "other"}) == []


def test_columns():
    assert cells(CORE) == ["60s", "Normal", "Started", "pod/p", "Started container main"]
    wide = cells(CORE, wide=True)
    assert (wide[5], wide[7], wide[8]) == ("kubelet, n1", "60m", 3)
    stored = decoded(NEW)
    assert cells(stored)[0] == "60s"
    assert cells(stored, wide=True)[5] == "example.com/controller, c-1"
    assert cells({**stored, "series": {"count": 7, "lastObservedTime": "2026-01-02T11:59:55.000000Z"}})[0] == "5s"


def test_selectable_by_both_names():
    fields = served(CORE).kind.selectable_fields
    assert fields["involvedObject.name"](CORE) == fields["regarding.name"](CORE) == "p"
    assert (fields["source"](CORE), fields["type"](CORE)) == ("kubelet", "Normal")
    assert fields["source"](decoded(NEW)) == "example.com/controller"
