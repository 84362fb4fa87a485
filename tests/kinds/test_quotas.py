"""LimitRange, ResourceQuota, RuntimeClass."""

import pytest

from tests.kinds.write import cells, create_errors, created, served, stored, update_errors


def limit_range(**item):
    spec = {"limits": [{"type": "Container", **item}]}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": spec}


def test_limits_of_containers_default_to_the_maximum_and_requests_to_limits_or_the_minimum():
    made = created(limit_range(max={"cpu": "2"}, min={"cpu": "1", "memory": "1Mi"}, default={"memory": "1Gi"}))
    item = made["spec"]["limits"][0]
    assert item["default"] == {"cpu": "2", "memory": "1Gi"}
    assert item["defaultRequest"] == {"cpu": "2", "memory": "1Gi"}
    assert created(limit_range(min={"cpu": "1"}))["spec"]["limits"][0]["defaultRequest"] == {"cpu": "1"}
    pods = created(limit_range(type="Pod", max={"cpu": "2"}))
    assert "default" not in pods["spec"]["limits"][0]


@pytest.mark.parametrize(
    ("item", "errors"),
    [
        ({"max": {"cpu": "2"}, "min": {"cpu": "100m"}, "maxLimitRequestRatio": {"cpu": "10"}}, []),
        (
            {"type": "Node"},
            ['spec.limits[0].type: Invalid value: "Node": must be a standard limit type or fully qualified'],
        ),
        (
            {"type": "Pod", "default": {"cpu": "1"}},
            ["spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"],
        ),
        (
            {"type": "PersistentVolumeClaim"},
            [
                "spec.limits[0].limits: Required value: "
                "either minimum or maximum storage value is required, but neither was provided"
            ],
        ),
        ({"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}, []),
        (
            {"max": {"storage": "1Gi"}},
            [
                f'spec.limits[0].{field}[storage]: Invalid value: "storage": must be a standard resource for containers'
                for field in ("max", "default", "defaultRequest")
            ],
        ),
        (
            {"type": "Pod", "max": {"cpu": "1"}, "min": {"cpu": "2"}},
            ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'],
        ),
        (
            {"default": {"cpu": "3"}, "max": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}},
            ['spec.limits[0].default[cpu]: Invalid value: "2": default value 3 is greater than max value 2'],
        ),
        (
            {"default": {"cpu": "1"}, "defaultRequest": {"cpu": "2"}},
            [
                'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": '
                "default request value 2 is greater than default limit value 1"
            ],
        ),
        (
            {"type": "Pod", "max": {"cpu": "2"}, "min": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "3"}},
            [
                'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": '
                "ratio 3 is greater than max/min = 2.000000"
            ],
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "500m"}},
            ['spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1'],
        ),
        (
            {"default": {"hugepages-2Mi": "4Mi"}, "defaultRequest": {"hugepages-2Mi": "2Mi"}},
            [
                'spec.limits[0].defaultRequest[hugepages-2Mi]: Invalid value: "2Mi": '
                "default value 4Mi must equal to defaultRequest value 2Mi in hugepages-2Mi"
            ],
        ),
    ],
)
def test_limit_ranges(item, errors):
    assert create_errors(limit_range(**item)) == errors


def test_one_limit_of_each_type():
    manifest = limit_range()
    manifest["spec"]["limits"] *= 2
    assert create_errors(manifest) == ['spec.limits[1].type: Duplicate value: "Container"']


def quota(hard=None, **spec):
    body = {"hard": {"pods": "10"} if hard is None else hard, **spec}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": body}


@pytest.mark.parametrize(
    ("manifest", "errors"),
    [
        (quota({"requests.cpu": "1", "limits.memory": "1Gi", "count/jobs.batch": "4", "storage": "1Gi"}), None),
        (quota({"requests.nvidia.com/gpu": "4", "requests.hugepages-2Mi": "4Mi", "services.nodeports": "0"}), []),
        (quota({"pods": "1500m"}), ['spec.hard[pods]: Invalid value: "1500m": must be an integer']),
        (quota({"pods": "-1"}), ['spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0']),
        (
            quota({"secret": "1"}),
            [
                'spec.hard[secret]: Invalid value: "secret": must be a standard resource type or fully qualified',
                'spec.hard[secret]: Invalid value: "secret": must be a standard resource for quota',
            ],
        ),
        (
            quota(scopes=["BestEffort", "NotBestEffort"]),
            ['spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes'],
        ),
        (
            quota({"secrets": "1"}, scopes=["Terminating"]),
            ['spec.scopes: Invalid value: ["Terminating"]: unsupported scope applied to resource'],
        ),
        (quota(scopes=["Mine"]), ['spec.scopes: Invalid value: ["Mine"]: unsupported scope']),
    ],
)
def test_quotas(manifest, errors):
    if errors is None:
        errors = ['spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota']
    assert create_errors(manifest) == errors


def selecting(**term):
    return quota(scopeSelector={"matchExpressions": [{"scopeName": "PriorityClass", **term}]})


EXPRESSIONS = "spec.scopeSelector.matchExpressions"


@pytest.mark.parametrize(
    ("term", "errors"),
    [
        ({"operator": "In", "values": ["high"]}, []),
        (
            {"operator": "In"},
            [
                f"{EXPRESSIONS}.values: Required value: "
                "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            ],
        ),
        (
            {"operator": "Exists", "values": ["high"]},
            [
                f'{EXPRESSIONS}.values: Invalid value: ["high"]: '
                "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            ],
        ),
        ({"operator": "Is"}, [f'{EXPRESSIONS}.operator: Invalid value: "Is": not a valid selector operator']),
        (
            {"scopeName": "BestEffort", "operator": "DoesNotExist"},
            [
                f"{EXPRESSIONS}.operator: Invalid value: \"DoesNotExist\": must be 'Exists' when scope is any of "
                "ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
                "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
            ],
        ),
    ],
)
def test_scope_selectors(term, errors):
    assert create_errors(selecting(**term)) == errors


def test_the_scopes_of_a_quota_are_for_life():
    old = stored(quota(scopes=["Terminating", "BestEffort"]))
    assert update_errors(old, quota(scopes=["BestEffort", "Terminating"])) == []
    assert update_errors(old, quota(scopes=["Terminating"])) == [
        'spec.scopes: Invalid value: ["Terminating"]: field is immutable'
    ]


def test_the_status_of_a_quota():
    kind, old = served(quota()).kind, stored(quota())
    new = {**old, "status": {"hard": {"pods": "10"}, "used": {"cpu": "-1"}}}
    assert [str(error) for error in kind.validate_status_update(new, old)] == [
        'status.used[cpu]: Invalid value: "-1": must be greater than or equal to 0'
    ]
    assert created({**quota(), "status": {"hard": {"pods": "1"}}})["status"] == {}


def test_a_quota_says_when_requests_exceed_limits():
    warn = served(quota()).kind.create_warnings
    assert list(warn(quota({"cpu": "2", "limits.cpu": "1", "requests.memory": "1", "limits.memory": "2"}))) == [
        "ResourceQuota cpu (2) should be less than limits.cpu (1)"
    ]


def test_quota_columns():
    status = {
        "hard": {"pods": "10", "limits.cpu": "2", "cpu": "1"},
        "used": {"pods": "3", "limits.cpu": "500m"},
    }
    assert cells({**quota(), "status": status})[:2] == ["cpu: 0/1, pods: 3/10", "limits.cpu: 500m/2"]


def runtime_class(version="v1", handler="runsc", **fields):
    meta = {"name": "gvisor"}
    return {
        "apiVersion": f"node.k8s.io/{version}",
        "kind": "RuntimeClass",
        "metadata": meta,
        "handler": handler,
        **fields,
    }


TOLERATION = {"key": "a", "operator": "Exists"}


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"overhead": {"podFixed": {"cpu": "250m"}}, "scheduling": {"nodeSelector": {"a": "b"}}}, []),
        ({"handler": ""}, ["handler: Required value"]),
        ({"handler": "a.b"}, ['handler: Invalid value: "a.b": must not contain dots']),
        (
            {"overhead": {"podFixed": {"disks": "1"}}},
            [
                f'overhead.limits[disks]: Invalid value: "disks": must be a standard resource {rest}'
                for rest in ("type or fully qualified", "for containers")
            ],
        ),
        (
            {"scheduling": {"tolerations": [TOLERATION, {**TOLERATION, "tolerationSeconds": 1}]}},
            [
                'scheduling.tolerations[1].effect: Invalid value: "": '
                "effect must be 'NoExecute' when `tolerationSeconds` is set",
                'scheduling.tolerations[1]: Duplicate value: {"key":"a","operator":"Exists","tolerationSeconds":1}',
            ],
        ),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_runtime_classes(version, fields, errors):
    assert create_errors(runtime_class(version, **fields)) == errors


def test_the_handler_of_a_runtime_class_is_for_life():
    old = stored(runtime_class())
    assert cells(old)[0] == "runsc"
    assert update_errors(old, runtime_class(handler="kata")) == ['handler: Invalid value: "kata": field is immutable']
