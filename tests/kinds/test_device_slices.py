"""ResourceSlice and DeviceTaintRule: devices on offer, and the taints of some."""

from datetime import timedelta

import pytest

from tests.kinds.write import NOW, cells, create_errors, created, encoded, served, stored, update_errors

GROUP = "resource.k8s.io"
POOL = {"name": "node-1", "generation": 1, "resourceSliceCount": 1}


def slice_(*devices, version="v1", **spec):
    body = {"driver": "gpu.example.com", "pool": POOL, "nodeName": "node-1", "devices": list(devices), **spec}
    body = {field: value for field, value in body.items() if value is not None}
    return {"apiVersion": f"{GROUP}/{version}", "kind": "ResourceSlice", "metadata": {"name": "s"}, "spec": body}


def device(**fields):
    return {"name": "gpu-0", **fields}


NODES = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
TERM = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({}, []),
        ({"nodeName": None, "nodeSelector": {"nodeSelectorTerms": [TERM]}}, []),
        ({"nodeName": None, "allNodes": True}, []),
        ({"nodeName": None}, [f"spec: Required value: {NODES}"]),
        (
            {"allNodes": True},
            [
                f'spec: Invalid value: "{{`nodeName`, `allNodes`}}": {NODES}, but multiple fields are set',
            ],
        ),
        (
            {"nodeName": None, "allNodes": False},
            [
                "spec.allNodes: Invalid value: false: must be either unset or set to true",
                f"spec: Required value: {NODES}",
            ],
        ),
        (
            {"pool": {"name": "", "generation": -1}},
            [
                "spec.pool.name: Required value",
                "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
                "spec.pool.generation: Invalid value: -1: must be greater than or equal to zero",
            ],
        ),
        (
            {"devices": [{"name": "d"}], "sharedCounters": [{"name": "c", "counters": {"m": {"value": "1Gi"}}}]},
            ['spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed'],
        ),
        (
            {"devices": None, "sharedCounters": [{"name": "C", "counters": {"M": {"value": "1"}}}, {"name": "d"}]},
            ["spec.sharedCounters[0].name", "spec.sharedCounters[1].counters", "spec.sharedCounters[0].counters"],
        ),
    ],
)
def test_slices(spec, errors):
    told = create_errors(slice_(**spec))
    assert [
        error if ": " in wanted else error.partition(": ")[0] for error, wanted in zip(told, errors, strict=True)
    ] == errors


POLICY = {"default": "1Gi", "validRange": {"min": "1Gi", "step": "1Gi"}}
MILLI = {"default": "1500m", "validRange": {"min": "500m", "max": "3500m", "step": "500m"}}


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        (
            {"attributes": {"model": {"string": "a100"}, "gpu.io/cores": {"int": 8}, "v": {"version": "1.2.3-rc.1+b"}}},
            [],
        ),
        (
            {"attributes": {"v": {"version": "1.2"}}},
            [
                'attributes[v].version: Invalid value: "1.2": must be a string compatible with semver.org spec 2.0.0',
            ],
        ),
        ({"attributes": {"a": {}}}, ['attributes[a]: Invalid value: "": exactly one value must be specified']),
        ({"attributes": {"/a": {"int": 1}}}, ['attributes: Invalid value: "": the domain must not be empty']),
        (
            {"attributes": {"s": {"string": "x" * 65}}},
            ["attributes[s].string: Too long: may not be more than 64 bytes"],
        ),
        (
            {"attributes": {f"a{i}": {"int": i} for i in range(33)}},
            [": Invalid value: 33: the total number of attributes and capacities must not exceed 32"],
        ),
        ({"capacity": {"memory": {"value": "40Gi"}}}, []),
        (
            {"capacity": {"memory": {"value": "40Gi", "requestPolicy": POLICY}}},
            ["capacity[memory].requestPolicy: Forbidden: allowMultipleAllocations must be true"],
        ),
        ({"allowMultipleAllocations": True, "capacity": {"memory": {"value": "40Gi", "requestPolicy": POLICY}}}, []),
        ({"allowMultipleAllocations": True, "capacity": {"cores": {"value": "4", "requestPolicy": MILLI}}}, []),
        (
            {
                "allowMultipleAllocations": True,
                "capacity": {
                    "m": {"value": "2", "requestPolicy": {"default": "3", "validRange": {"min": "1", "step": "4"}}}
                },
            },
            [
                'capacity[m].requestPolicy.validRange.step: Invalid value: "4": '
                "one step 5 is larger than capacity value: 2",
                'capacity[m].requestPolicy.validRange.step: Invalid value: "3": '
                "value is not a multiple of a given step (4) from (1)",
            ],
        ),
        (
            {
                "allowMultipleAllocations": True,
                "capacity": {"m": {"value": "2", "requestPolicy": {"default": "9", "validValues": ["3", "1", "1"]}}},
            },
            [
                'capacity[m].requestPolicy.validValues[1]: Invalid value: "1": '
                "values must be sorted in ascending order",
                'capacity[m].requestPolicy.validValues[0]: Invalid value: "3": option is larger than capacity value: 2',
                'capacity[m].requestPolicy.validValues[2]: Duplicate value: "1"',
                'capacity[m].requestPolicy.validValues: Invalid value: "9": '
                "default value is not valid according to the requestPolicy",
            ],
        ),
        (
            {"taints": [{"key": "a.io/b", "effect": "NoSchedule"}, {"key": "", "effect": "Odd"}]},
            ["taints[1].effect", "taints[1].key", "taints[1].key"],
        ),
        (
            {"consumesCounters": [{"counterSet": "c", "counters": {"m": {"value": "1"}}}, {"counterSet": "c"}]},
            ['consumesCounters[1].counterSet: Duplicate value: "c"', "consumesCounters[1].counters: Required value"],
        ),
        (
            {"nodeName": "n"},
            [
                ": Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if "
                "`perDeviceNodeSelection` is set to true in the ResourceSlice spec"
            ],
        ),
        (
            {"bindingConditions": ["a.io/ready"]},
            [
                "bindingFailureConditions: Invalid value: []: "
                "bindingFailureConditions are required to use bindingConditions"
            ],
        ),
        (
            {"bindingConditions": ["a", "a"], "bindingFailureConditions": ["a"]},
            [
                'bindingConditions[1]: Duplicate value: "a"',
                'bindingFailureConditions[0]: Invalid value: "a": '
                "bindingFailureConditions must not overlap with bindingConditions",
            ],
        ),
    ],
)
def test_devices(fields, errors):
    told = [
        error.removeprefix("spec.devices[0]").removeprefix(".") for error in create_errors(slice_(device(**fields)))
    ]
    assert [
        error if ": " in wanted else error.partition(": ")[0] for error, wanted in zip(told, errors, strict=True)
    ] == errors


def test_devices_with_nodes_of_their_own():
    spec = {"nodeName": None, "perDeviceNodeSelection": True}
    assert create_errors(slice_(device(nodeName="n"), **spec)) == []
    none, both = create_errors(slice_(device(), {"name": "b", "nodeName": "n", "allNodes": True}, **spec))
    assert none.startswith("spec.devices[0]: Required value: exactly one of `nodeName`, `nodeSelector`, or `allNodes`")
    assert both.startswith('spec.devices[1]: Invalid value: "{`nodeName`, `allNodes`}"')


def test_how_many_devices_a_slice_may_have():
    plain = [{"name": f"d{i}"} for i in range(129)]
    assert create_errors(slice_(*plain)) == ["spec.devices: Too many: 129: must have at most 128 items"]
    tainted = [{"name": f"d{i}", "taints": [{"key": "a", "effect": "None"}]} for i in range(65)]
    assert create_errors(slice_(*tainted)) == ["spec.devices: Too many: 65: must have at most 64 items"]
    assert create_errors(slice_(device(), device())) == ['spec.devices[1]: Duplicate value: "gpu-0"']


def test_fields_of_features_that_are_off():
    lists = {"attributes": {"a": {"int": 1, "ints": [1, 2]}}}
    counted = {"consumesCounters": [{"counterSet": "c", "counters": {}, "compatibilityGroups": ["g"]}]}
    mapped = {"nodeAllocatableResources": {"cpu": {"mapping": {}}}}
    made = created(slice_(device(**lists, **counted, **mapped), skipNodeOperations=["*"]))["spec"]
    assert made["devices"] == [
        device(attributes={"a": {"int": 1}}, consumesCounters=[{"counterSet": "c", "counters": {}}])
    ]
    assert "skipNodeOperations" not in made


def test_where_a_slice_belongs_stays():
    old = stored(slice_(device()))
    assert update_errors(old, slice_(device(), driver="nic.io", nodeName="m")) == [
        'spec.driver: Invalid value: "nic.io": field is immutable',
        'spec.nodeName: Invalid value: "m": field is immutable',
    ]
    assert update_errors(old, slice_(device(), {"name": "gpu-1"}, pool={**POOL, "generation": 2})) == []


def test_slices_are_selected_and_shown():
    made = created(slice_(device()))
    assert cells(made)[:3] == ["node-1", "gpu.example.com", "node-1"]
    assert {name: get(made) for name, get in served(made).kind.selectable_fields.items()} == {
        "spec.nodeName": "node-1",
        "spec.driver": "gpu.example.com",
        "spec.pool.name": "node-1",
    }
    assert list(served(made).kind.warnings(slice_(driver="GPU.io"))) == [
        'spec.driver: driver names should be lowercase; "GPU.io" contains uppercase characters'
    ]


@pytest.mark.parametrize(("version", "shown"), [("v1beta1", {"value": "40Gi"}), ("v1alpha3", "40Gi")])
def test_devices_were_basic(version, shown):
    sent = slice_({"name": "gpu-0", "basic": {"capacity": {"memory": shown}}}, version=version)
    made = created(sent)
    assert made["spec"]["devices"] == [{"name": "gpu-0", "capacity": {"memory": {"value": "40Gi"}}}]
    assert encoded(f"{GROUP}/{version}", made)["spec"]["devices"] == sent["spec"]["devices"]


def rule(version="v1", **spec):
    taint = {"key": "a.io/broken", "value": "yes", "effect": "NoExecute"}
    meta = {"apiVersion": f"{GROUP}/{version}", "kind": "DeviceTaintRule", "metadata": {"name": "r"}}
    return {**meta, "spec": {"taint": taint, **spec}}


@pytest.mark.parametrize("version", ["v1", "v1beta2", "v1alpha3"])
def test_taint_rules(version):
    selector = {"driver": "gpu.example.com", "pool": "node-1", "device": "gpu-0"}
    assert create_errors(rule(version, deviceSelector=selector)) == []
    assert cells(created(rule(version)))[:4] == ["a.io/broken", "yes", "NoExecute", "<unknown>"]


def test_what_is_wrong_with_taint_rules():
    told = create_errors(
        rule(deviceSelector={"driver": "", "pool": "", "device": "A"}, taint={"key": "a", "value": "/"})
    )
    assert [error.partition(": ")[0] for error in told] == [
        "spec.taint.effect",
        "spec.deviceSelector.driver",
        "spec.deviceSelector.pool",
        "spec.deviceSelector.device",
        "spec.taint.value",
    ]


def test_taints_say_since_when():
    stamp = served(rule()).kind.stamp
    old = stored(rule())
    stamp(old, None, NOW)
    assert old["spec"]["taint"]["timeAdded"] == "2026-01-02T12:00:00Z"
    later = NOW + timedelta(hours=1)
    new = stored(rule(taint={**old["spec"]["taint"], "effect": "None"}))
    stamp(new, old, later)
    assert new["spec"]["taint"]["timeAdded"] == "2026-01-02T13:00:00Z"
    told = stored(rule(taint={**old["spec"]["taint"], "effect": "None", "timeAdded": "2026-01-01T00:00:00Z"}))
    stamp(told, old, later)
    assert told["spec"]["taint"]["timeAdded"] == "2026-01-01T00:00:00Z"
