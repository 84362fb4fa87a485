"""DeviceClass, ResourceClaim and its template: what is requested, and what a claim's status may say."""

import pytest

from sampan.kinds.quota.registry import evaluator_of
from tests.kinds.write import NOW, cells, changed, create_errors, created, encoded, served, stored, update_errors

GROUP = "resource.k8s.io"
EXACT = {"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}
CEL = {"cel": {"expression": 'device.driver == "gpu.example.com"'}}
OPAQUE = {"opaque": {"driver": "gpu.example.com", "parameters": {"mode": "fast"}}}


def made(kind, version="v1", **fields):
    return {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": {"name": "a"}, **fields}


def claim(*requests, version="v1", **devices):
    return made("ResourceClaim", version, spec={"devices": {"requests": list(requests), **devices}})


def exact(**fields):
    return {"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com", **fields}}


def test_one_device_is_the_default():
    asked = created(claim(EXACT, exact(allocationMode="All", tolerations=[{"key": "a"}])))["spec"]["devices"][
        "requests"
    ]
    assert asked[0]["exactly"] == {"deviceClassName": "gpu.example.com", "allocationMode": "ExactCount", "count": 1}
    assert "count" not in asked[1]["exactly"] and asked[1]["exactly"]["tolerations"][0]["operator"] == "Equal"


def test_derived_attributes_are_off():
    derived = [{"name": "a.io/x", "expression": "1"}]
    assert "derivedAttributes" not in created(claim(exact(derivedAttributes=derived)))["spec"]["devices"]["requests"][0]


CHOICE = {"name": "big", "deviceClassName": "gpu.example.com"}


@pytest.mark.parametrize(
    ("request_", "errors"),
    [
        (EXACT, []),
        ({"name": "gpu", "firstAvailable": [CHOICE]}, []),
        (exact(selectors=[CEL], tolerations=[{"operator": "Exists"}], allocationMode="All"), []),
        ({"name": "gpu"}, ["[0]: Required value: exactly one of `exactly` or `firstAvailable` is required"]),
        (
            {**EXACT, "firstAvailable": [CHOICE]},
            [
                "[0]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, "
                "but multiple fields are set"
            ],
        ),
        ({"name": "gpu", "exactly": {}}, ["[0].exactly.deviceClassName: Required value"]),
        (
            exact(allocationMode="Some"),
            ['[0].exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"'],
        ),
        (
            exact(allocationMode="All", count=2),
            ["[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'"],
        ),
        (exact(count=-1), ["[0].exactly.count: Invalid value: -1: must be greater than zero"]),
        (exact(selectors=[{}]), ["[0].exactly.selectors[0].cel: Required value"]),
        (exact(selectors=[CEL] * 33), ["[0].exactly.selectors: Too many: 33: must have at most 32 items"]),
        (
            exact(tolerations=[{"operator": "Exists", "value": "x"}, {"effect": "Odd"}]),
            [
                '[0].exactly.tolerations[1].effect: Unsupported value: "Odd": '
                'supported values: "NoExecute", "NoSchedule", "None"',
                '[0].exactly.tolerations[0].value: Invalid value: "x": must be empty for operator `Exists`',
            ],
        ),
        (
            {"name": "gpu", "firstAvailable": [CHOICE, CHOICE]},
            ['[0].firstAvailable[1].name: Duplicate value: "big"'],
        ),
    ],
)
def test_requests(request_, errors):
    assert create_errors(claim(request_)) == [f"spec.devices.requests{error}" for error in errors]


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ('device.attributes["gpu.example.com"].healthy', ""),
        ("device.driver", "must evaluate to bool or the unknown type, not string"),
        ("device.", "compilation failed: "),
        ("x" * 10241, "may not be more than 10240 bytes"),
        (
            "{0}.all(a, {0}.all(b, {0}.all(c, {0}.all(d, {0}.all(e, true)))))".format('device.attributes["a"]'),
            "too complex, exceeds cost limit",
        ),
    ],
)
def test_selectors(expression, error):
    told = create_errors(claim(exact(selectors=[{"cel": {"expression": expression}}])))
    assert (not told) if not error else error in told[0]


def test_constraints_and_configurations_refer_to_requests():
    both = [EXACT, {"name": "any", "firstAvailable": [CHOICE]}]
    constraints = [{"requests": ["gpu", "any/big"], "matchAttribute": "gpu.example.com/numa"}]
    assert create_errors(claim(*both, constraints=constraints, config=[{"requests": ["any"], **OPAQUE}])) == []
    wrong = {"requests": ["any/small", "a/b/c"], "distinctAttribute": "numa"}
    nobody = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
    assert create_errors(claim(*both, constraints=[wrong, {}], config=[{"opaque": {"driver": "A_"}}, {}])) == [
        f'spec.devices.constraints[0].requests[0]: Invalid value: "any/small": {nobody}',
        f'spec.devices.constraints[0].requests[1]: Invalid value: "a/b/c": {nobody}',
        'spec.devices.constraints[0].distinctAttribute: Invalid value: "numa": '
        "a fully qualified name must be a domain and a name separated by a slash",
        'spec.devices.constraints[1]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is '
        "required, but multiple fields are set",
        *[e for e in create_errors(claim(*both, config=[{"opaque": {"driver": "A_"}}])) if "driver" in e],
        "spec.devices.config[0].opaque.parameters: Required value",
        "spec.devices.config[1].opaque: Required value",
    ]


def test_parameters_are_a_small_object():
    def told(parameters):
        return create_errors(claim(EXACT, config=[{"opaque": {"driver": "d.io", "parameters": parameters}}]))

    path = "spec.devices.config[0].opaque.parameters"
    assert told({"a": "x" * 10240}) == [f"{path}: Too long: may not be more than 10240 bytes"]


def test_a_claim_is_for_life():
    (error,) = update_errors(stored(claim(EXACT)), claim(exact(count=2)))
    assert error.startswith("spec: Invalid value:") and error.endswith("field is immutable")
    template = made("ResourceClaimTemplate", spec={"spec": claim(EXACT)["spec"]})
    other = made("ResourceClaimTemplate", spec={"spec": claim(exact(count=2))["spec"]})
    (error,) = update_errors(stored(template), other)
    assert error.startswith("spec: Invalid value:") and error.endswith("field is immutable")


def test_templates():
    spec = claim({"name": "gpu"})["spec"]
    template = made("ResourceClaimTemplate", spec={"metadata": {"name": "n", "labels": {"a": "b"}}, "spec": spec})
    assert create_errors(template) == [
        "spec.metadata.name: Forbidden: cannot be set",
        "spec.spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
    ]


# The status

RESULT = {"request": "gpu", "driver": "gpu.example.com", "pool": "node-1", "device": "gpu-0"}
ALLOCATED = {"devices": {"results": [RESULT]}}
CONSUMER = {"resource": "pods", "name": "p", "uid": "1"}
DEVICE = {"driver": "gpu.example.com", "pool": "node-1", "device": "gpu-0"}


def status_errors(status, before=None, **meta):
    obj = stored(claim(EXACT))
    obj["metadata"] |= meta
    check = served(obj).kind.validate_status_update
    return [
        str(error).removeprefix("status.")
        for error in check({**obj, "status": status}, {**obj, "status": before or {}})
    ]


def test_allocations():
    assert status_errors({"allocation": ALLOCATED, "reservedFor": [CONSUMER], "devices": [DEVICE]}) == []
    assert status_errors({"allocation": ALLOCATED}, {"allocation": ALLOCATED}) == []
    other = {"devices": {"results": [{**RESULT, "device": "gpu-1"}]}}
    (error,) = status_errors({"allocation": other}, {"allocation": ALLOCATED})
    assert error.startswith("allocation: Invalid value:") and error.endswith("field is immutable")
    wrong = {"request": "nic", "driver": "", "pool": "A", "device": "x", "shareID": "1"}
    told = status_errors({"allocation": {"devices": {"results": [wrong], "config": [{"source": "Me", **OPAQUE}]}}})
    assert [error.partition(": ")[0].removeprefix("allocation.devices.") for error in told] == [
        "results[0].request",
        "results[0].driver",
        "results[0].pool",
        "results[0].shareID",
        "config[0].source",
    ]


def test_reservations():
    assert status_errors({"reservedFor": [CONSUMER]}) == [
        "reservedFor: Forbidden: may not be specified when `allocated` is not set"
    ]
    twice = {"allocation": ALLOCATED, "reservedFor": [CONSUMER, {**CONSUMER, "name": ""}]}
    assert status_errors(twice) == [
        "reservedFor[1].name: Required value",
        'reservedFor[1]: Duplicate value: "1"',
    ]
    late = {"allocation": ALLOCATED, "reservedFor": [CONSUMER]}
    (error,) = status_errors(late, {"allocation": ALLOCATED}, deletionTimestamp="2026-01-02T11:00:00Z")
    assert error.startswith("reservedFor: Forbidden: new entries may not be added while")


def test_statuses_of_devices():
    told = status_errors({"allocation": ALLOCATED, "devices": [{**DEVICE, "device": "gpu-1"}, DEVICE, DEVICE]})
    assert told == [
        'devices[0]: Invalid value: "gpu.example.com/node-1/gpu-1": must be an allocated device in the claim',
        'devices[2]: Duplicate value: "gpu.example.com/node-1/gpu-0"',
    ]
    network = {"ips": ["10.9.8.7/24", "10.9.8.07/24", "x", "2001:DB8::1/64"], "interfaceName": "x" * 257}
    assert status_errors({"allocation": ALLOCATED, "devices": [{**DEVICE, "networkData": network, "data": [1]}]}) == [
        'devices[0].data: Invalid value: "<value omitted>": must be a valid JSON object',
        "devices[0].networkData.interfaceName: Too long: may not be more than 256 bytes",
        'devices[0].networkData.ips[1]: Invalid value: "10.9.8.07/24": must be in canonical form ("10.9.8.7/24")',
        'devices[0].networkData.ips[2]: Invalid value: "x": must be a valid address in CIDR form, '
        "(e.g. 10.9.8.7/24 or 2001:db8::1/64)",
        'devices[0].networkData.ips[3]: Invalid value: "2001:DB8::1/64": must be in canonical form ("2001:db8::1/64")',
    ]


def test_what_was_told_of_a_device_goes_with_it():
    old = {**stored(claim(EXACT)), "status": {"allocation": ALLOCATED, "devices": [DEVICE]}}
    new = {**old, "status": {"devices": [DEVICE]}}
    served(old).kind.prepare_status_update(new, old)
    assert new["status"] == {}


def test_states():
    assert cells(stored(claim(EXACT)))[0] == "pending"
    reserved = {**stored(claim(EXACT)), "status": {"allocation": ALLOCATED, "reservedFor": [CONSUMER]}}
    assert cells(reserved)[0] == "allocated,reserved"
    gone = changed(stored(claim(EXACT)), lambda obj: obj["metadata"].update(deletionTimestamp="2026-01-02T11:00:00Z"))
    assert cells(gone)[0] == "deleted"


# Older versions

FLAT = {"name": "gpu", "deviceClassName": "gpu.example.com"}


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha3"])
def test_requests_were_flat(version):
    chosen = {"name": "any", "firstAvailable": [CHOICE]}
    asked = created(claim({**FLAT, "count": 3}, chosen, version=version))["spec"]["devices"]["requests"]
    assert asked[0]["exactly"] == {"deviceClassName": "gpu.example.com", "allocationMode": "ExactCount", "count": 3}
    assert "exactly" not in asked[1] and asked[1]["firstAvailable"][0]["count"] == 1
    shown = encoded(f"{GROUP}/{version}", created(claim(FLAT, version=version)))["spec"]["devices"]["requests"]
    assert shown == [{**FLAT, "allocationMode": "ExactCount", "count": 1}]


def test_templates_had_flat_requests_too():
    spec = {"spec": {"devices": {"requests": [FLAT]}}}
    kept = created(made("ResourceClaimTemplate", "v1beta1", spec=spec))["spec"]["spec"]["devices"]["requests"]
    assert kept[0]["exactly"]["count"] == 1


# Classes


@pytest.mark.parametrize("version", ["v1", "v1beta2", "v1beta1", "v1alpha3"])
def test_classes(version):
    spec = {"selectors": [CEL], "config": [OPAQUE], "extendedResourceName": "example.com/gpu"}
    assert create_errors(made("DeviceClass", version, spec=spec)) == []


def test_classes_are_checked_where_they_change():
    spec = {"selectors": [{"cel": {"expression": "nonsense"}}], "extendedResourceName": "cpu"}
    bad = made("DeviceClass", spec=spec)
    first, second = create_errors(bad)
    assert first.startswith('spec.extendedResourceName: Invalid value: "cpu": a name must be a domain-prefixed path')
    assert second.startswith('spec.selectors[0].cel.expression: Invalid value: "nonsense": compilation failed:')
    assert update_errors(stored(bad), made("DeviceClass", spec={**spec, "extendedResourceName": "a.io/b"})) == []


def test_quotas_count_devices_by_class():
    choices = {
        "name": "any",
        "firstAvailable": [{**CHOICE, "count": 2}, {**CHOICE, "name": "b", "allocationMode": "All"}],
    }
    measured = evaluator_of(GROUP, "resourceclaims").usage(created(claim(exact(count=3), choices)), NOW)
    assert {name: str(amount) for name, amount in measured.items()} == {
        "count/resourceclaims.resource.k8s.io": "1",
        "gpu.example.com.deviceclass.resource.k8s.io/devices": "35",
    }
