"""The plugins that judge a node by what runs elsewhere."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.machinery.selectors import EVERYTHING, Selector, from_labels
from sampan.scheduler.plugins.image_locality import ImageLocality
from sampan.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from sampan.scheduler.plugins.pod_topology_spread import PodTopologySpread
from sampan.scheduler.pod_affinity import REQUIRED
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState
from tests.scheduler.objects import HOSTNAME, ZONE, cluster, info, node, pod

WEB = {"app": "web"}
UNEVEN = "node(s) didn't match pod topology spread constraints"


def spread(key: str, skew: int = 1, when: str = "DoNotSchedule", **more: Any) -> dict[str, Any]:
    return {
        "topologyKey": key,
        "maxSkew": skew,
        "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": WEB},
        **more,
    }


def web(name: str, where: str, **more: Any) -> dict[str, Any]:
    return pod(name, node=where, labels=WEB, **more)


def nowhere(new: PodInfo) -> Selector | None:
    return None


def rejected(plugin: Any, new: PodInfo, state: ClusterState) -> dict[str, str]:
    """Node name -> first reason, of the nodes that the plugin rejects."""
    check = plugin.prepare(new, state)
    found = {target.name: check(target) for target in state.nodes} if check else {}
    return {name: rejection.reasons[0] for name, rejection in found.items() if rejection}


def scored(plugin: Any, new: PodInfo, state: ClusterState) -> dict[str, int] | None:
    scores = plugin.scores(new, state, state.nodes)
    return None if scores is None else dict(zip((n.name for n in state.nodes), scores, strict=True))


class TestSpreading:
    plugin = PodTopologySpread(nowhere)
    nodes = (node("a", zone="x"), node("b", zone="x"), node("c", zone="y"))

    def test_no_domain_gets_ahead_by_more_than_the_skew(self) -> None:
        new = info(labels=WEB, topologySpreadConstraints=[spread(ZONE)])
        assert rejected(self.plugin, new, cluster(*self.nodes)) == {}
        ahead = cluster(*self.nodes, web("1", "a"))
        assert rejected(self.plugin, new, ahead) == {"a": UNEVEN, "b": UNEVEN}
        even = cluster(*self.nodes, web("1", "a"), web("2", "c"))
        assert rejected(self.plugin, new, even) == {}

    def test_hosts_are_domains_too(self) -> None:
        new = info(labels=WEB, topologySpreadConstraints=[spread(HOSTNAME)])
        assert rejected(self.plugin, new, cluster(*self.nodes, web("1", "a"))) == {"a": UNEVEN}

    def test_nodes_without_the_label_are_out(self) -> None:
        new = info(labels=WEB, topologySpreadConstraints=[spread(ZONE), spread(HOSTNAME, 5)])
        state = cluster(node("bare"), *self.nodes, web("1", "bare"))
        assert rejected(self.plugin, new, state) == {"bare": f"{UNEVEN} (missing required label)"}

    def test_only_nodes_that_the_pod_could_go_to_count(self) -> None:
        state = cluster(*self.nodes, web("1", "c"))
        new = {"labels": WEB, "nodeSelector": {ZONE: "y"}}
        honoring = info(**new, topologySpreadConstraints=[spread(ZONE)])
        ignoring = info(**new, topologySpreadConstraints=[spread(ZONE, nodeAffinityPolicy="Ignore")])
        assert "c" not in rejected(self.plugin, honoring, state)
        assert rejected(self.plugin, ignoring, state) == {"c": UNEVEN}

    def test_tainted_nodes_count_unless_told_otherwise(self) -> None:
        tainted = node("d", zone="z", taints=[{"key": "k", "effect": "NoSchedule"}])
        state = cluster(*self.nodes, tainted, web("1", "a"), web("2", "c"))
        assert "a" in rejected(self.plugin, info(labels=WEB, topologySpreadConstraints=[spread(ZONE)]), state)
        honoring = info(labels=WEB, topologySpreadConstraints=[spread(ZONE, nodeTaintsPolicy="Honor")])
        assert "a" not in rejected(self.plugin, honoring, state)

    def test_too_few_domains_count_as_an_empty_one(self) -> None:
        state = cluster(*self.nodes, web("1", "a"), web("2", "c"))
        new = info(labels=WEB, topologySpreadConstraints=[spread(ZONE, minDomains=3)])
        assert set(rejected(self.plugin, new, state)) == {"a", "b", "c"}

    def test_match_label_keys_compare_within_one_revision(self) -> None:
        labels = {**WEB, "pod-template-hash": "new"}
        state = cluster(*self.nodes, web("1", "a"))
        constraint = spread(HOSTNAME, matchLabelKeys=["pod-template-hash"])
        assert rejected(self.plugin, info(labels=labels, topologySpreadConstraints=[constraint]), state) == {}

    def test_pods_that_are_going_or_in_other_namespaces_do_not_count(self) -> None:
        going = web("1", "a")
        going["metadata"]["deletionTimestamp"] = "2025-01-01T00:00:00Z"
        state = cluster(*self.nodes, going, web("2", "b", namespace="other"))
        assert rejected(self.plugin, info(labels=WEB, topologySpreadConstraints=[spread(HOSTNAME)]), state) == {}

    def test_preferences_score(self) -> None:
        new = info(labels=WEB, topologySpreadConstraints=[spread(ZONE, when="ScheduleAnyway")])
        state = cluster(*self.nodes, node("bare"), web("1", "a"))
        assert self.plugin.prepare(new, state) is None
        assert scored(self.plugin, new, state) == {"a": 0, "b": 0, "c": 100, "bare": 0}

    def test_pods_of_a_service_are_spread_by_default(self) -> None:
        plugin = PodTopologySpread(lambda new: from_labels(new.labels))
        state = cluster(*self.nodes, web("1", "a"), web("2", "a"))
        scores = scored(plugin, info(labels=WEB), state)
        assert scores is not None and scores["c"] > scores["b"] > scores["a"]

    def test_without_zones_hosts_are_spread_over(self) -> None:
        plugin = PodTopologySpread(lambda new: from_labels(new.labels))
        state = cluster(node("a"), node("b"), web("1", "a"), web("2", "a"))
        scores = scored(plugin, info(labels=WEB), state)
        assert scores is not None and scores["b"] > scores["a"]

    def test_pods_of_nothing_are_not_spread(self) -> None:
        assert scored(self.plugin, info(labels=WEB), cluster(*self.nodes)) is None


class TestConfiguredSpreading:
    """What PodTopologySpreadArgs say for pods without constraints of their own."""

    def test_listed_constraints_take_the_place_of_upstreams(self) -> None:
        listed = [{"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}]
        plugin = PodTopologySpread(lambda new: from_labels(new.labels), listed)
        state = cluster(node("a", zone="x"), node("b", zone="y"), web("1", "a"))
        assert rejected(plugin, info(labels=WEB), state) == {"a": UNEVEN}
        assert scored(plugin, info(labels=WEB), state) is None
        own = info(labels=WEB, topologySpreadConstraints=[spread(ZONE, 5)])
        assert rejected(plugin, own, state) == {}
        assert rejected(PodTopologySpread(nowhere, listed), info(labels=WEB), state) == {}

    def test_nodes_without_the_label_of_a_listed_constraint_score_nothing(self) -> None:
        listed = [{"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}]
        plugin = PodTopologySpread(lambda new: from_labels(new.labels), listed)
        state = cluster(node("a", zone="x"), node("bare"), web("1", "a"))
        assert scored(plugin, info(labels=WEB), state) == {"a": 100, "bare": 0}

    def test_an_empty_list_spreads_nothing(self) -> None:
        plugin = PodTopologySpread(lambda new: from_labels(new.labels), [])
        state = cluster(node("a", zone="x"), node("b", zone="y"), web("1", "a"))
        assert scored(plugin, info(labels=WEB), state) is None


def near(key: str = ZONE, sort: str = "podAffinity", weight: int = 0, **more: Any) -> dict[str, Any]:
    term = {"topologyKey": key, "labelSelector": {"matchLabels": WEB}, **more}
    if weight:
        return {
            sort: {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": weight, "podAffinityTerm": term}]}
        }
    return {sort: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def far(key: str = ZONE, **more: Any) -> dict[str, Any]:
    return near(key, "podAntiAffinity", **more)


class TestAffinity:
    plugin = InterPodAffinity(lambda name: {"team": name})
    nodes = (node("a", zone="x"), node("b", zone="x"), node("c", zone="y"))

    def test_required_affinity_follows(self) -> None:
        state = cluster(*self.nodes, web("1", "a"))
        assert rejected(self.plugin, info(affinity=near()), state) == {"c": "node(s) didn't match pod affinity rules"}

    def test_the_first_of_a_group_may_go_anywhere(self) -> None:
        state = cluster(*self.nodes, node("bare"))
        assert set(rejected(self.plugin, info(labels=WEB, affinity=near()), state)) == {"bare"}
        assert set(rejected(self.plugin, info(affinity=near()), state)) == {"a", "b", "c", "bare"}

    def test_required_anti_affinity_keeps_away(self) -> None:
        state = cluster(*self.nodes, web("1", "a"))
        reason = "node(s) didn't match pod anti-affinity rules"
        assert rejected(self.plugin, info(affinity=far()), state) == {"a": reason, "b": reason}
        assert rejected(self.plugin, info(affinity=far(HOSTNAME)), state) == {"a": reason}

    def test_pods_that_are_there_may_refuse_the_newcomer(self) -> None:
        state = cluster(*self.nodes, pod("1", node="a", affinity=far()))
        reason = "node(s) didn't satisfy existing pods anti-affinity rules"
        assert rejected(self.plugin, info(labels=WEB), state) == {"a": reason, "b": reason}
        assert rejected(self.plugin, info(), state) == {}

    def test_namespaces_are_the_pods_own_unless_named_or_selected(self) -> None:
        state = cluster(*self.nodes, web("1", "a", namespace="other"))
        assert len(rejected(self.plugin, info(affinity=near()), state)) == 3
        assert set(rejected(self.plugin, info(affinity=near(namespaces=["other"])), state)) == {"c"}
        selected = near(namespaceSelector={"matchLabels": {"team": "other"}})
        assert set(rejected(self.plugin, info(affinity=selected), state)) == {"c"}

    def test_all_terms_must_be_met_by_one_pod(self) -> None:
        both = near()
        terms = both["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        terms.append({"topologyKey": ZONE, "labelSelector": {"matchLabels": {"tier": "front"}}})
        apart = cluster(*self.nodes, web("1", "a"), pod("2", node="b", labels={"tier": "front"}))
        assert set(rejected(self.plugin, info(affinity=both), apart)) == {"a", "b", "c"}
        one = cluster(*self.nodes, pod("1", node="a", labels={**WEB, "tier": "front"}))
        assert set(rejected(self.plugin, info(affinity=both), one)) == {"c"}

    def test_preferences_pull_and_push(self) -> None:
        state = cluster(*self.nodes, web("1", "a"))
        assert scored(self.plugin, info(affinity=near(weight=5)), state) == {"a": 100, "b": 100, "c": 0}
        assert scored(self.plugin, info(affinity=far(weight=5)), state) == {"a": 0, "b": 0, "c": 100}

    def test_pods_that_are_there_pull_too(self) -> None:
        state = cluster(*self.nodes, pod("1", node="c", affinity=near()))
        assert scored(self.plugin, info(labels=WEB), state) == {"a": 0, "b": 0, "c": 100}
        assert scored(self.plugin, info(), state) is None


class TestImages:
    def test_nodes_that_have_large_images_score_higher(self) -> None:
        large = [{"names": ["app:latest", "app@sha256:0"], "sizeBytes": 2000 << 20}]
        state = cluster(node("a", images=large), node("b"))
        assert scored(ImageLocality(), info(image="app"), state) == {"a": 100, "b": 0}
        assert scored(ImageLocality(), info(image="other"), state) is None

    def test_images_are_forgotten_with_their_node(self) -> None:
        state = cluster(node("a", images=[{"names": ["app:latest"], "sizeBytes": 1}]), node("b"))
        state.remove_node("a")
        assert state.images == {}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.booleans(), st.booleans()), max_size=30))
def test_counts_kept_up_to_date_equal_counts_made_anew(changes: list[tuple[int, int, bool, bool]]) -> None:
    state = cluster(node("n0", zone="x"), node("n1", zone="x"), node("n2", zone="y"))
    selector = from_labels(WEB)
    for number, where, there, matching in changes:
        state.counts.by_domain("default", selector, ZONE, terminating=False)
        obj = pod(f"p{number}", node=f"n{where}", labels=WEB if matching else {})
        if there:
            state.put_pod(PodInfo(obj), f"n{where}")
        else:
            state.remove_pod(PodInfo(obj).key)
    for question in (selector, EVERYTHING):
        found = [(n.name, n.labels[ZONE]) for n in state.nodes for p in n.pods.values() if question.matches(p.labels)]
        assert state.counts.by_node("default", question, terminating=False) == Counter(name for name, _ in found)
        by_zone = state.counts.by_domain("default", question, ZONE, terminating=False)
        assert by_zone == Counter(zone for _, zone in found)


def test_what_pods_that_are_there_require_counts_as_it_is_configured() -> None:
    state = cluster(
        node("a", zone="x"), node("b", zone="y"), pod("1", node="a", labels=WEB, affinity=near(sort="podAffinity"))
    )
    other = pod("2", node="b", labels=WEB, affinity=near(weight=5))
    state.put_pod(PodInfo(other), "b")
    new = info(labels=WEB)
    assert scored(InterPodAffinity(lambda name: {}, 100), new, state) == {"a": 100, "b": 0}
    assert scored(InterPodAffinity(lambda name: {}, 0), new, state) == {"a": 0, "b": 100}
    assert scored(InterPodAffinity(lambda name: {}, 100, ignore_preferences=True), new, state) is None
    picky = info(labels=WEB, affinity=near(weight=1))
    assert scored(InterPodAffinity(lambda name: {}, 100, ignore_preferences=True), picky, state) is not None


def test_pods_that_want_the_same_are_looked_at_together() -> None:
    term = {"topologyKey": ZONE, "labelSelector": {"matchLabels": WEB}}
    by_label = {"affinity": {"podAffinity": {REQUIRED: [term | {"matchLabelKeys": ["version"]}]}}}
    apart = {"affinity": {"podAntiAffinity": {REQUIRED: [term]}}}
    state = cluster(
        node("a", zone="x"),
        node("b", zone="y"),
        *(pod(f"apart-{n}", node="ab"[n % 2], labels={"n": str(n)}, **apart) for n in range(4)),
        *(pod(f"by-label-{n}", node="a", labels={"version": str(n % 2)}, **by_label) for n in range(3)),
        pod("elsewhere", node="a", namespace="other", **apart),
        pod("plain", node="a"),
    )
    assert sorted(sum(nodes.values()) for _, nodes in state.affine) == [1, 1, 2, 4]
    for name in [f"apart-{n}" for n in range(4)] + ["by-label-1"]:
        state.remove_pod(info(name).key)
    assert sorted(sum(nodes.values()) for _, nodes in state.affine) == [1, 2]
