import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.machinery.apply import apply
from sampan.machinery.errors import BadRequest, Conflict
from sampan.machinery.fieldsets import from_fields, show, to_fields
from sampan.machinery.fieldtrees import compile_tree
from sampan.machinery.tracking import track_update
from tests.machinery.sample import DEPLOYMENT, definition

T1, T2, T3 = (f"2024-01-0{day}T00:00:00Z" for day in (1, 2, 3))


def deployment(labels=None, containers=(), **spec):
    template = {"template": {"spec": {"containers": list(containers)}}} if containers else {}
    meta = {"name": "web", "namespace": "default"} | ({"labels": labels} if labels else {})
    body = {"spec": {**spec, **template}} if spec or template else {}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, **body}


def applied(live, config, manager="one", now=T1, **more):
    before = copy.deepcopy((live, config))
    result = apply(live, config, definition=definition(DEPLOYMENT), manager=manager, now=now, **more)
    assert (live, config) == before
    return result


def updated(old, new, manager="updater", now=T2, **more):
    track_update(
        compile_tree(definition(DEPLOYMENT)), old, new, api_version="apps/v1", manager=manager, now=now, **more
    )
    return new


def owners(obj):
    return {(e["manager"], e["operation"]): e["fieldsV1"] for e in obj["metadata"].get("managedFields", [])}


WEB = {"name": "web", "image": "nginx:1"}


def test_an_apply_that_creates():
    result = applied(None, deployment({"app": "web"}, [WEB], replicas=2))
    assert result["spec"]["replicas"] == 2
    assert result["metadata"]["managedFields"] == [
        {
            "manager": "one",
            "operation": "Apply",
            "apiVersion": "apps/v1",
            "time": T1,
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {
                    "f:replicas": {},
                    "f:template": {
                        "f:spec": {"f:containers": {'k:{"name":"web"}': {".": {}, "f:image": {}, "f:name": {}}}}
                    },
                },
            },
        }
    ]


def test_what_is_no_longer_applied_goes_unless_somebody_else_owns_it():
    one = applied(None, deployment({"a": "1", "b": "2"}, [WEB, {"name": "old", "image": "x"}]))
    both = applied(one, deployment({"b": "2"}), "two", T2)
    result = applied(both, deployment(None, [WEB]), now=T3)
    assert result["metadata"]["labels"] == {"b": "2"}
    assert [c["name"] for c in result["spec"]["template"]["spec"]["containers"]] == ["web"]
    assert owners(result)[("two", "Apply")] == {"f:metadata": {"f:labels": {"f:b": {}}}}


def test_what_nobody_owns_stays_unless_it_belongs_to_what_goes():
    probe = {"httpGet": {"path": "/", "port": 80}}
    live = applied(None, deployment({"a": "1"}, [{**WEB, "livenessProbe": probe}]))
    container = live["spec"]["template"]["spec"]["containers"][0]
    assert container["livenessProbe"] == probe
    container["livenessProbe"]["periodSeconds"] = 10  # a default
    live["metadata"]["labels"]["theirs"] = "x"
    result = applied(live, deployment(None, [WEB]), now=T2)
    assert "livenessProbe" not in result["spec"]["template"]["spec"]["containers"][0]
    assert result["metadata"]["labels"] == {"theirs": "x"}


def test_a_conflict_names_manager_and_field_and_force_wins():
    one = applied(None, deployment(replicas=1))
    config = deployment(replicas=3)
    with pytest.raises(Conflict) as caught:
        applied(one, config, "two", T2)
    assert caught.value.message == 'Apply failed with 1 conflict: conflict with "one": .spec.replicas'
    assert caught.value.details["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".spec.replicas"}
    ]
    result = applied(one, config, "two", T2, force=True)
    assert result["spec"]["replicas"] == 3 and list(owners(result)) == [("two", "Apply")]


def test_equal_values_are_shared_without_conflict():
    one = applied(None, deployment(replicas=1))
    both = applied(one, deployment(replicas=1), "two", T2)
    assert owners(both)[("one", "Apply")] == owners(both)[("two", "Apply")] == {"f:spec": {"f:replicas": {}}}
    alone = applied(both, deployment(), "one", T3)
    assert alone["spec"]["replicas"] == 1 and list(owners(alone)) == [("two", "Apply")]


def test_conflicts_with_updaters():
    live = updated(None, deployment(None, [WEB], replicas=1), "kubectl-create", T1)
    config = deployment(None, [{**WEB, "image": "nginx:2"}], replicas=2)
    with pytest.raises(Conflict) as caught:
        applied(live, config, now=T2)
    assert caught.value.message == (
        'Apply failed with 2 conflicts: conflicts with "kubectl-create" using apps/v1:\n- .spec.replicas\n'
        '- .spec.template.spec.containers[name="web"].image'
    )


def test_what_nobody_is_recorded_for_belongs_to_before_first_apply():
    live = {**deployment({"a": "1"}, replicas=1), "status": {}}
    live["metadata"]["creationTimestamp"] = T1
    with pytest.raises(Conflict, match=r'conflict with "before-first-apply" using apps/v1: \.spec\.replicas'):
        applied(live, deployment(replicas=2))
    result = applied(live, deployment(replicas=1), now=T2)
    assert owners(result)[("before-first-apply", "Update")] == {
        "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
        "f:spec": {"f:replicas": {}},
        "f:status": {},
    }


def test_an_update_takes_over_what_it_changes():
    one = applied(None, deployment({"a": "1"}, replicas=1))
    changed = copy.deepcopy(one)
    changed["spec"]["replicas"] = 5
    changed["spec"]["paused"] = True
    del changed["metadata"]["labels"]
    result = owners(updated(one, changed, "kubectl-scale"))
    assert ("one", "Apply") not in result
    assert result[("kubectl-scale", "Update")] == {"f:spec": {"f:paused": {}, "f:replicas": {}}}


def test_an_update_that_changes_nothing_changes_no_record():
    live = updated(None, deployment(replicas=1), now=T1)
    again = updated(live, copy.deepcopy(live), "other", T2)
    assert again == live


def test_clearing_the_records():
    live = updated(None, deployment(replicas=1), now=T1)
    cleared = copy.deepcopy(live)
    cleared["metadata"]["managedFields"] = [{}]
    assert "managedFields" not in updated(live, cleared)["metadata"]
    kept = copy.deepcopy(live)
    del kept["metadata"]["managedFields"]
    assert updated(live, kept) == live


def test_old_updaters_are_joined():
    live = updated(None, deployment(replicas=0), "m0", "2024-01-01T00:00:00Z")
    for number in range(1, 15):
        new = copy.deepcopy(live)
        new["metadata"].setdefault("annotations", {})[f"a{number}"] = "x"
        live = updated(live, new, f"m{number:02}", f"2024-01-01T00:00:{number:02}Z")
    managers = [e["manager"] for e in live["metadata"]["managedFields"]]
    assert len(managers) == 10 and managers.count("ancient-changes") == 1


def test_subresources_and_ignored_fields():
    config = {**deployment(replicas=1), "status": {"replicas": 9}}
    result = applied(None, config, ignored=("status",))
    assert "status" not in result and owners(result)[("one", "Apply")] == {"f:spec": {"f:replicas": {}}}
    new = copy.deepcopy(result)
    new["status"] = {"replicas": 1}
    found = updated(result, new, "controller", subresource="status")["metadata"]["managedFields"][-1]
    assert found["subresource"] == "status" and "f:status" in found["fieldsV1"]


def test_lists_keep_the_order_of_the_configuration_and_others_items():
    ports = [{"containerPort": 80}, {"containerPort": 443}]
    one = applied(None, deployment(None, [{**WEB, "ports": ports}]))
    two = applied(
        one, deployment(None, [{"name": "web", "ports": [{"containerPort": 8080, "protocol": "TCP"}]}]), "two", T2
    )
    result = applied(two, deployment(None, [{**WEB, "ports": ports[::-1]}]), now=T3)
    (found,) = result["spec"]["template"]["spec"]["containers"]
    assert [p["containerPort"] for p in found["ports"]] == [8080, 443, 80]


def test_a_key_that_is_left_out_has_its_default():
    one = applied(None, deployment(None, [{**WEB, "ports": [{"containerPort": 80}]}]))
    (container,) = one["spec"]["template"]["spec"]["containers"]
    container["ports"][0]["protocol"] = "TCP"
    again = applied(one, deployment(None, [{**WEB, "ports": [{"containerPort": 80, "name": "http"}]}]), now=T2)
    (found,) = again["spec"]["template"]["spec"]["containers"]
    assert found["ports"] == [{"containerPort": 80, "protocol": "TCP", "name": "http"}]


def test_refusals():
    config = deployment(None, [WEB, WEB])
    with pytest.raises(BadRequest, match="duplicate entries"):
        applied(applied(None, deployment(None, [WEB])), config)
    with pytest.raises(BadRequest, match="managedFields must be nil"):
        applied(None, applied(None, deployment(replicas=1)))


elements = st.sampled_from(("f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'))
paths = st.frozensets(st.lists(elements, min_size=1, max_size=4).map(tuple), max_size=8)


@given(paths)
def test_sets_survive_being_written_and_read(found):
    assert from_fields(to_fields(found)) == found


def test_shown_paths():
    assert show(("f:spec", 'k:{"containerPort":80,"protocol":"TCP"}', "f:name")) == (
        '.spec[containerPort=80,protocol="TCP"].name'
    )
    assert show(("f:finalizers", 'v:"a/b"')) == '.finalizers[="a/b"]'
    assert from_fields(["x"]) == from_fields({"x": {}}) == frozenset()


labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)
named = st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=3)
configs = st.tuples(labels, named).map(
    lambda drawn: deployment(drawn[0], [{"name": name, "image": image} for name, image in drawn[1].items()])
)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(("one", "two")), configs), min_size=1, max_size=6))
def test_any_sequence_of_forced_applies(steps):
    live, last = None, {}
    for manager, config in steps:
        live = applied(live, config, manager, force=True)
        last[manager] = config
        # What was just applied is there, applying it again changes nothing, and nothing is there that nobody applies.
        if live["metadata"].get("managedFields"):
            assert applied(live, config, manager) == live
        assert config["metadata"].get("labels", {}).items() <= live["metadata"].get("labels", {}).items()
        wanted = set().union(*(c["metadata"].get("labels", {}) for c in last.values()))
        assert set(live["metadata"].get("labels", {})) <= wanted
