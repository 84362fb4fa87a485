"""Pods whose numbers are at their extremes, as far as the API takes them: what kubelet and scheduler make of them."""

from types import SimpleNamespace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.container_config import Prepared, container_config
from sampan.kubelet.dns import Resolver
from sampan.kubelet.plan import Situation, plan
from sampan.kubelet.resources import pod_limits
from sampan.kubelet.sandbox_config import sandbox_config
from sampan.machinery.errors import BadRequest
from sampan.machinery.kind import Served
from sampan.machinery.meta import Object
from sampan.scheduler.decision import Unschedulable
from sampan.scheduler.pod_info import PodInfo
from tests.extremes import changed, changes
from tests.kinds.test_any_object import judge
from tests.kubelet.pods import NOW, pod, runs, runtime, spec_of
from tests.kubelet.test_cri_configs import CONFIG
from tests.scheduler.objects import cluster, node
from tests.scheduler.test_decision import decider

SOME = {"cpu": "1", "memory": "1Gi"}
PROBE = {"httpGet": {"port": 80, "path": "/"}}
CONTAINER = spec_of("main", image="a", resources={"limits": SOME, "requests": SOME}, livenessProbe=PROBE)
SIDECAR = spec_of("side", image="a", restartPolicy="Always", resources={"limits": SOME, "requests": SOME})
SAMPLE = pod(CONTAINER, initContainers=[SIDECAR], tolerations=[{"operator": "Exists", "tolerationSeconds": 1}])
SERVED, NODES = Served(POD, POD.storage), Served(NODE, NODE.storage)
IMAGE: Any = SimpleNamespace(id="sha256:1", username="", uid=pb.Int64Value(value=0))


def accepted(served: Served, sample: Object, wanted: Any) -> Object:
    """The object that the API would keep; an example that it refuses is none."""
    try:
        return dict(judge(served, changed(sample, wanted), None))
    except BadRequest:
        assume(False)
        raise


SENT = {"metadata": {"name": "web"}, "spec": SAMPLE["spec"]}
pods = changes(SERVED, SENT, "spec", most=2, spaces=0).map(lambda wanted: (SERVED, SENT, wanted))


@settings(max_examples=300)
@given(pods)
def test_the_kubelet_can_run_what_the_api_takes(case: Any) -> None:
    found = accepted(*case)
    found["metadata"] |= {"uid": "u1", "namespace": "default"}
    plan(Situation(found, runtime(runs()), NOW))
    assert pod_limits(found).memory < 1 << 63
    sandbox_config(found, 3, CONFIG, Resolver(["192.0.2.53"]))
    for spec in (*found["spec"]["containers"], *found["spec"]["initContainers"]):
        prepared = Prepared(
            pod=found, spec=spec, restart_count=2**31 - 1, image=IMAGE, env={}, mounts=[], memory_capacity=4 << 30
        )
        container_config(prepared, CONFIG)


@settings(max_examples=300)
@given(pods, st.data())
def test_the_scheduler_decides_on_what_the_api_takes(case: Any, data: st.DataObject) -> None:
    found, one = accepted(*case), node("one")
    found["metadata"] |= {"uid": "u1", "namespace": "default"}
    told = changed(one, data.draw(changes(NODES, one, "status", most=3, spaces=0)))
    accepted(NODES, told, [])
    state = cluster(told, node("two"))
    state.put_pod(PodInfo({**found, "metadata": {**found["metadata"], "uid": "u2"}}), "one")
    outcome = decider(state).decide(PodInfo(found))
    assert outcome in ("one", "two") or isinstance(outcome, Unschedulable)
