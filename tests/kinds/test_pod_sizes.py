"""Sizes of pods: what is defaulted and refused for a pod as a whole, its devices, and which resizes there are."""

import pytest

from sampan.kinds.core.resize_validation import validate_resize
from tests.kinds.write import create_errors, created, pod, pod_with

SMALL = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}


def sized(*containers, **spec):
    named = [{"name": f"c{i}", "image": "i", "resources": resources} for i, resources in enumerate(containers)]
    return pod(containers=named, **spec)


# A pod as a whole


@pytest.mark.parametrize(
    ("own", "containers", "told"),
    [
        ({"limits": {"cpu": "4"}}, [{}], {"limits": {"cpu": "4"}, "requests": {"cpu": "4"}}),
        (
            {"requests": {"cpu": "4"}},
            [SMALL, SMALL],
            {"requests": {"cpu": "4", "memory": "2Gi"}, "limits": {"cpu": "4", "memory": "4Gi"}},
        ),
        ({"requests": {"cpu": "4"}}, [SMALL, {}], {"requests": {"cpu": "4", "memory": "1Gi"}}),
        (
            {"requests": {"cpu": "1"}},
            [{"limits": {"hugepages-2Mi": "4Mi"}, "requests": {"cpu": "1", "hugepages-2Mi": "4Mi"}}],
            {"limits": {"hugepages-2Mi": "4Mi"}, "requests": {"cpu": "1", "hugepages-2Mi": "4Mi"}},
        ),
        ({}, [SMALL], {}),
    ],
)
def test_what_a_pod_leaves_open(own, containers, told):
    assert created(sized(*containers, resources=own))["spec"]["resources"] == told


@pytest.mark.parametrize(
    ("own", "errors"),
    [
        ({"requests": {"cpu": "2", "memory": "2Gi"}}, []),
        (
            {"requests": {"cpu": "500m"}},
            [
                'requests[cpu]: Invalid value: "500m": '
                "must be greater than or equal to aggregate container requests of 1"
            ],
        ),
        (
            {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}},
            ['containers[0][cpu].limits: Invalid value: "2": must be less than or equal to pod limits of 1'],
        ),
        (
            {"requests": {"ephemeral-storage": "1"}},
            [
                'requests[ephemeral-storage]: Unsupported value: "ephemeral-storage": '
                'supported values: "cpu", "hugepages-", "memory"'
            ],
        ),
        ({"claims": [{"name": "a"}]}, ["claims: Forbidden: claims may not be set for Resources at pod-level"]),
    ],
)
def test_a_pod_as_a_whole(own, errors):
    told = create_errors(sized(SMALL, resources=own))
    assert told == [f"spec.resources.{error}" for error in errors]


# Devices


def test_claims_of_a_pod():
    claims = [{"name": "gpu", "resourceClaimName": "c"}, {"name": "gpu", "resourceClaimTemplateName": "T"}, {}]
    names = ["spec.resourceClaims[1].name", "spec.resourceClaims[1].resourceClaimTemplateName"]
    told = create_errors(pod(resourceClaims=claims))
    assert [error.partition(": ")[0] for error in told[:2]] == names
    assert told[2:] == [
        "spec.resourceClaims[2].name: Required value",
        'spec.resourceClaims[2]: Invalid value: {"name":""}: must specify one of: '
        "`resourceClaimName`, `resourceClaimTemplateName`",
    ]


def test_claims_of_a_container():
    container = pod_with(resources={"claims": [{"name": "gpu", "request": "a"}, {"name": "gpu"}, {"name": "nic"}]})
    container["spec"]["resourceClaims"] = [{"name": "gpu", "resourceClaimName": "c"}]
    assert create_errors(container) == [
        'spec.containers[0].resources.claims[1]: Duplicate value: "gpu"',
        'spec.containers[0].resources.claims[2]: Not found: "nic": '
        "must be one of the names in pod.spec.resourceClaims: gpu",
    ]


# Resizes

RESTART = {"resourceName": "cpu", "restartPolicy": "RestartContainer"}


@pytest.mark.parametrize(
    ("policies", "spec", "errors"),
    [
        ([RESTART], {}, []),
        ([RESTART, RESTART], {}, ['[1]: Duplicate value: "cpu"']),
        (
            [{"resourceName": "gpu", "restartPolicy": "Never"}],
            {},
            [
                ': Unsupported value: "gpu": supported values: "cpu", "memory"',
                ': Unsupported value: "Never": supported values: "NotRequired", "RestartContainer"',
            ],
        ),
        (
            [RESTART],
            {"restartPolicy": "Never"},
            [": Invalid value: \"RestartContainer\": must be 'NotRequired' when pod `restartPolicy` is 'Never'"],
        ),
    ],
)
def test_policies(policies, spec, errors):
    found = create_errors(pod(containers=[{"name": "c", "image": "i", "resizePolicy": policies}], **spec))
    assert found == [f"spec.containers[0].resizePolicy{error}" for error in errors]


def test_init_containers_are_not_restarted_for_their_size():
    init = [{"name": "i", "image": "i", "resizePolicy": [RESTART]}]
    assert create_errors(pod(initContainers=init)) == [
        'spec.initContainers[0].resizePolicy[0].restartPolicy: Invalid value: "RestartContainer": '
        "must not be set to 'RestartContainer' for non-sidecar initContainers"
    ]
    assert create_errors(pod(initContainers=[{**init[0], "restartPolicy": "Always"}])) == []


def resized(old, new, **status):
    before, after = created(old), created(new)
    before["status"] |= status
    return [str(error) for error in validate_resize(after, before)]


def amounts(cpu, **more):
    return {"requests": {"cpu": cpu, "memory": "1Gi", **more}, "limits": {"cpu": "4", "memory": "2Gi"}}


@pytest.mark.parametrize(
    ("old", "new", "errors"),
    [
        (sized(amounts("1")), sized(amounts("2")), []),
        (
            sized(amounts("1")),
            sized({"requests": {"cpu": "1"}, "limits": {"cpu": "4", "memory": "2Gi"}}),
            [],  # the request for memory is the limit, by default
        ),
        (
            sized(amounts("1")),
            sized({"requests": {"cpu": "1", "memory": "1Gi"}}),
            ["spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed"],
        ),
        (
            sized(amounts("1", **{"ephemeral-storage": "1Gi"})),
            sized(amounts("1", **{"ephemeral-storage": "2Gi"})),
            ["spec: Forbidden: only cpu and memory resources are mutable"],
        ),
        (
            sized({}),
            sized(amounts("1")),
            ['spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing'],
        ),
        (
            sized(amounts("1")),
            sized(amounts("1"), amounts("1")),
            ["spec.containers: Forbidden: containers may not be added or removed on resize"],
        ),
        (
            sized(amounts("1"), amounts("1")),
            pod(containers=[dict(c) for c in reversed(sized(amounts("1"), amounts("1"))["spec"]["containers"])]),
            [
                f"spec.containers[{i}].name: Forbidden: containers may not be renamed or reordered on resize"
                for i in (0, 1)
            ],
        ),
        (
            sized(amounts("1"), resources={"requests": {"cpu": "4", "memory": "2Gi"}}),
            sized(amounts("1"), resources={"requests": {"cpu": "5", "memory": "2Gi"}}),
            [],
        ),
        (
            sized(amounts("1"), resources={"requests": {"cpu": "4"}}),
            sized(amounts("1")),
            ["spec.resources: Forbidden: pod-level resources cannot be removed"],
        ),
    ],
)
def test_resizes(old, new, errors):
    assert resized(old, new) == errors


def test_what_is_never_resized():
    mirror = sized(amounts("1"))
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    assert resized(mirror, sized(amounts("2"))) == [": Forbidden: static pods cannot be resized"]
    windows = sized(amounts("1"), os={"name": "windows"})
    assert resized(windows, sized(amounts("2"))) == [": Forbidden: windows pods cannot be resized"]
    running = [{"name": "c0", "state": {"running": {}}}]
    assert resized(sized(amounts("1")), sized(amounts("2")), containerStatuses=running) == [
        "spec: Forbidden: Pod running on node without support for resize"
    ]
    telling = [{**running[0], "resources": amounts("1")}]
    assert resized(sized(amounts("1")), sized(amounts("2")), containerStatuses=telling) == []


def test_init_containers_are_resized_unless_they_are_restarted_for_it():
    policy = [RESTART]

    def with_init(cpu):
        return created(sized(amounts("1"), initContainers=[{"name": "i", "image": "i", "resources": amounts(cpu)}]))

    before, after = with_init("1"), with_init("2")
    assert list(validate_resize(after, before)) == []
    for one in (before, after):
        one["spec"]["initContainers"][0]["resizePolicy"] = policy
    assert [str(error) for error in validate_resize(after, before)] == [
        "spec.initContainers[0]: Forbidden: "
        "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
    ]
