"""The resources of a pod as a whole, as status tells them."""

import pytest

from sampan.kubelet.resize.whole_status import whole_status
from sampan.kubelet.resources import Limits
from sampan.machinery.meta import Object
from tests.kubelet.pods import pod, spec_of

SMALL, LARGE = {"cpu": "100m", "memory": "1Gi"}, {"cpu": "300m", "memory": "3Gi"}
GI = 1 << 30


def both(amounts: Object) -> Object:
    return {"requests": amounts, "limits": amounts}


ONE = pod(spec_of("a", resources=both(SMALL)), spec_of("b", resources=both({"cpu": "200m", "memory": "2Gi"})))
OPEN = pod(spec_of("a", resources=both(SMALL)), spec_of("b"))
WHOLE = pod(spec_of("a"), resources=both(LARGE), overhead={"cpu": "1"})
NONE = pod(spec_of("a"))


@pytest.mark.parametrize(
    ("what", "cgroup", "runs", "allocated", "resources"),
    [
        (NONE, None, True, None, {}),
        (ONE, None, False, LARGE, both(LARGE)),
        (ONE, Limits(307, 30_000, 3 * GI), True, LARGE, both(LARGE)),
        (OPEN, None, False, SMALL, both(SMALL)),
        (OPEN, None, True, SMALL, {"requests": SMALL}),  # b has no limit, so the pod has none
        (WHOLE, None, True, LARGE, both(LARGE)),
        (  # shrinking: the cgroup has not changed yet
            ONE,
            Limits(614, 60_000, 6 * GI),
            True,
            LARGE,
            {"requests": {"memory": "3Gi", "cpu": "600m"}, "limits": {"cpu": "600m", "memory": "6Gi"}},
        ),
        (ONE, Limits(2, 0, 0), True, LARGE, {"requests": {"memory": "3Gi"}}),
    ],
)
def test_what_the_pod_has_as_a_whole(
    what: Object, cgroup: Limits | None, runs: bool, allocated: Object | None, resources: Object
) -> None:
    found = whole_status(what, cgroup, runs=runs)
    assert found.get("allocatedResources") == allocated and found["resources"] == resources
