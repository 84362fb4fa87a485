"""The plugins that judge one node by itself, as tables."""

from typing import Any

import pytest

from sampan.scheduler.framework import Rejection, stretch
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.plugins.node_affinity import NodeAffinity
from sampan.scheduler.plugins.node_name import NodeName
from sampan.scheduler.plugins.node_ports import NodePorts
from sampan.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from sampan.scheduler.plugins.node_resources_fit import NodeResourcesFit
from sampan.scheduler.plugins.node_unschedulable import NodeUnschedulable
from sampan.scheduler.plugins.taint_toleration import TaintToleration, tolerates
from tests.scheduler.objects import cluster, info, node, pod

TAINT = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}


def only_node(*objects: Any, **more: Any) -> NodeInfo:
    return cluster(node("n", **more), *objects).nodes[0]


def reasons(rejection: Rejection | None) -> tuple[str, ...]:
    return rejection.reasons if rejection else ()


@pytest.mark.parametrize(
    ("toleration", "covered"),
    [
        ({"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}, True),
        ({"key": "gpu", "value": "yes"}, True),
        ({"key": "gpu", "value": "no"}, False),
        ({"key": "gpu", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"value": "yes"}, False),
    ],
)
def test_tolerations(toleration: dict[str, str], covered: bool) -> None:
    assert tolerates([toleration], TAINT) is covered


@pytest.mark.parametrize(("operator", "value", "covered"), [("Gt", "5", True), ("Gt", "9", False), ("Lt", "9", True)])
def test_numeric_tolerations_compare_the_taint_with_themselves(operator: str, value: str, covered: bool) -> None:
    taint = {"key": "tier", "value": "7", "effect": "NoSchedule"}
    assert tolerates([{"key": "tier", "operator": operator, "value": value}], taint) is covered
    assert not tolerates([{"key": "tier", "operator": operator, "value": "x"}], taint)


def test_taints_keep_pods_away_or_count_against_the_node() -> None:
    soft = {"key": "slow", "effect": "PreferNoSchedule"}
    plugin = TaintToleration()
    assert reasons(plugin.filter(info(), only_node(taints=[TAINT]))) == ("node(s) had untolerated taint(s)",)
    assert plugin.filter(info(tolerations=[{"operator": "Exists"}]), only_node(taints=[TAINT])) is None
    assert plugin.filter(info(), only_node(taints=[soft])) is None
    assert plugin.count(info(), only_node(taints=[soft, TAINT])) == 1
    assert plugin.count(info(tolerations=[{"key": "slow", "operator": "Exists"}]), only_node(taints=[soft])) == 0


def test_cordoned_nodes_take_only_pods_that_tolerate_it() -> None:
    plugin = NodeUnschedulable()
    assert reasons(plugin.filter(info(), only_node(unschedulable=True))) == ("node(s) were unschedulable",)
    daemon = info(tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}])
    assert plugin.filter(daemon, only_node(unschedulable=True)) is None


def test_a_pod_that_names_its_node_fits_nowhere_else() -> None:
    assert NodeName().filter(info(node="n"), only_node()) is None
    assert reasons(NodeName().filter(info(node="m"), only_node())) == ("node(s) didn't match the requested node name",)


@pytest.mark.parametrize(
    ("taken", "wanted", "free"),
    [
        ({"hostPort": 80}, {"hostPort": 80}, False),
        ({"hostPort": 80}, {"hostPort": 81}, True),
        ({"hostPort": 80}, {"hostPort": 80, "protocol": "UDP"}, True),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "10.0.0.2"}, True),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80}, False),
        ({"containerPort": 80}, {"containerPort": 80}, True),
    ],
)
def test_host_ports_are_had_once(taken: dict[str, Any], wanted: dict[str, Any], free: bool) -> None:
    occupied = only_node(pod("old", node="n", ports=[taken]))
    assert (NodePorts().filter(info(ports=[wanted]), occupied) is None) is free


@pytest.mark.parametrize(
    ("asks", "rejected"),
    [
        ({"cpu": "1"}, ()),
        ({"cpu": "3500m"}, ("Insufficient cpu",)),
        ({"cpu": "4", "memory": "9Gi"}, ("Insufficient cpu", "Insufficient memory")),
        ({}, ()),
    ],
)
def test_requests_must_be_free(asks: dict[str, str], rejected: tuple[str, ...]) -> None:
    assert reasons(NodeResourcesFit().filter(info(**asks), only_node(pod("old", node="n", cpu="1")))) == rejected


def test_only_what_the_node_could_offer_at_all_is_worth_a_preemption() -> None:
    occupied = only_node(pod("old", node="n", cpu="3"))
    small, large = (
        NodeResourcesFit().filter(info(cpu="2"), occupied),
        NodeResourcesFit().filter(info(cpu="5"), occupied),
    )
    assert small and small.resolvable
    assert large and not large.resolvable


def test_a_node_takes_so_many_pods() -> None:
    full = only_node(pod("old", node="n"), pods="1")
    assert reasons(NodeResourcesFit().filter(info(), full)) == ("Too many pods",)


def test_emptier_nodes_score_higher() -> None:
    plugin, new = NodeResourcesFit(), info(cpu="1", memory="2Gi")
    assert plugin.score(new, only_node()) == 75
    assert plugin.score(new, only_node(pod("old", node="n", cpu="2", memory="4Gi"))) == 25
    assert plugin.score(info(cpu="1", memory="9Gi"), only_node()) == 37


def test_nodes_that_a_pod_evens_out_score_higher() -> None:
    plugin, new = NodeResourcesBalancedAllocation(), info(cpu="1", memory="4Gi")
    assert plugin.score(new, only_node(pod("old", node="n", cpu="2"))) == 81
    assert plugin.score(new, only_node(pod("old", node="n", memory="4Gi"))) == 68


def required(*expressions: dict[str, Any], fields: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    term = {"matchExpressions": list(expressions), "matchFields": list(fields)}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ({"key": "disk", "operator": "In", "values": ["ssd", "nvme"]}, True),
        ({"key": "disk", "operator": "In", "values": ["hdd"]}, False),
        ({"key": "disk", "operator": "NotIn", "values": ["hdd"]}, True),
        ({"key": "none", "operator": "NotIn", "values": ["hdd"]}, True),
        ({"key": "disk", "operator": "Exists"}, True),
        ({"key": "disk", "operator": "DoesNotExist"}, False),
        ({"key": "cores", "operator": "Gt", "values": ["7"]}, True),
        ({"key": "cores", "operator": "Lt", "values": ["8"]}, False),
        ({"key": "disk", "operator": "Gt", "values": ["7"]}, False),
    ],
)
def test_required_node_affinity(expression: dict[str, Any], matches: bool) -> None:
    target = only_node(labels={"disk": "ssd", "cores": "8"})
    rejection = NodeAffinity().filter(info(affinity=required(expression)), target)
    assert reasons(rejection) == (() if matches else ("node(s) didn't match Pod's node affinity/selector",))


def test_node_selectors_demand_every_label() -> None:
    target = only_node(labels={"disk": "ssd"})
    assert NodeAffinity().filter(info(nodeSelector={"disk": "ssd"}), target) is None
    assert NodeAffinity().filter(info(nodeSelector={"disk": "ssd", "gpu": ""}), target)


def test_an_empty_term_matches_nothing() -> None:
    assert NodeAffinity().filter(info(affinity=required()), only_node())


def test_an_affinity_that_the_scheduler_adds_is_everybodys() -> None:
    named = {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["mine"]}]}
    added = {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [named]},
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 7, "preference": named}, {"preference": named}],
    }
    plugin, mine, theirs = NodeAffinity(added), only_node(labels={"pool": "mine"}), only_node()
    assert plugin.filter(info(), mine) is None and plugin.count(info(), mine) == 7
    why = "node(s) didn't match scheduler-enforced node affinity"
    assert reasons(plugin.filter(info(), theirs)) == (why,) and plugin.count(info(), theirs) == 0
    assert reasons(plugin.filter(info(nodeSelector={"disk": "ssd"}), mine)) == (
        "node(s) didn't match Pod's node affinity/selector",
    )
    nothing = NodeAffinity({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}})
    assert reasons(nothing.filter(info(), mine)) == (why,)


def test_preferences_add_their_weights() -> None:
    def prefers(weight: int, value: str) -> dict[str, Any]:
        expression = {"key": "disk", "operator": "In", "values": [value]}
        return {"weight": weight, "preference": {"matchExpressions": [expression]}}

    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": [prefers(5, "ssd"), prefers(7, "hdd")]}
    new = info(affinity={"nodeAffinity": preferred})
    assert NodeAffinity().count(new, only_node(labels={"disk": "ssd"})) == 5
    assert NodeAffinity().count(new, only_node()) == 0


def test_a_daemon_sets_pod_names_its_node() -> None:
    field = {"key": "metadata.name", "operator": "In", "values": ["n"]}
    assert NodeAffinity().narrow(info(affinity=required(fields=(field,)))) == {"n"}
    assert NodeAffinity().narrow(info(affinity=required({"key": "disk", "operator": "Exists"}))) is None
    assert NodeAffinity().narrow(info()) is None


def test_counts_are_stretched_to_scores() -> None:
    assert stretch([0, 5, 10], reverse=False) == [0, 50, 100]
    assert stretch([0, 5, 10], reverse=True) == [100, 50, 0]
    assert stretch([0, 0], reverse=True) == [100, 100]
