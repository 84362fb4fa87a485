"""The file of --scheduler-config: what is read, and what is refused in which words."""

from pathlib import Path

import pytest

from sampan.machinery.component_config import Malformed
from sampan.scheduler.configuration.config_file import ConfigFileError, configuration, read
from sampan.scheduler.configuration.configuration import Configuration
from sampan.scheduler.configuration.extender import TLSConfiguration
from sampan.scheduler.configuration.merging import ProfileError

HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"


def said(text: str) -> Configuration:
    return configuration((HEAD + text).encode())


def test_a_file_that_says_nothing_means_the_defaults() -> None:
    assert said("") == said("profiles: []") == said("profiles: [{plugins: null}]") == Configuration()


def test_profiles_and_what_holds_for_all_of_them() -> None:
    found = said("""
percentageOfNodesToScore: 30
podInitialBackoffSeconds: 2
podMaxBackoffSeconds: 60
parallelism: 4
leaderElection: {leaderElect: false, leaseDuration: 15s}
clientConnection: {qps: 200, burst: 400}
profiles:
- schedulerName: default-scheduler
- schedulerName: packing
  percentageOfNodesToScore: 0
  plugins:
    score: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit, weight: 5}]}
    multiPoint: {disabled: [{name: DynamicResources}, {name: ImageLocality}]}
""")
    one, two = found.profiles
    assert (one.name, one.plugins, one.percentage_of_nodes_to_score) == (
        "default-scheduler", Configuration().profiles[0].plugins, 30
    )  # fmt: skip
    assert (two.name, two.percentage_of_nodes_to_score) == ("packing", 0)
    assert two.plugins.at("score") == ["NodeResourcesFit"] and two.plugins.weights["NodeResourcesFit"] == 5
    assert (found.first_back_off, found.longest_back_off) == (2, 60)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("profile: []", 'strict decoding error: unknown field "profile"'),
        ("profiles: [{name: x}]", 'strict decoding error: unknown field "profiles[0].name"'),
        ("parallelism: 1\nparallelism: 2", 'strict decoding error: duplicate field "parallelism"'),
        ("parallelism: many", "json: cannot unmarshal string into Go struct field parallelism of int"),
        (
            "parallelism: 2147483648",
            "json: cannot unmarshal number 2147483648 into Go struct field parallelism of type int32",
        ),
        ("parallelism: 0", "parallelism: Invalid value: 0: should be an integer value greater than zero"),
        ("percentageOfNodesToScore: 101", "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]"),
        ("podInitialBackoffSeconds: 0", "podInitialBackoffSeconds: Invalid value: 0: must be greater than 0"),
        (
            "podInitialBackoffSeconds: 9223372036854775807",
            "podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds",
        ),
        ("clientConnection: {burst: -1}", "clientConnection.burst: Invalid value: -1: must be non-negative"),
        (
            "leaderElection: {resourceLock: endpoints}",
            'leaderElection.resourceLock: Invalid value: "endpoints": resourceLock value must be "leases"',
        ),
        (
            "leaderElection: {renewDeadline: 15s}",
            'leaderElection.leaseDuration: Invalid value: "15s": must be greater than `RenewDeadline`',
        ),
        ("profiles: [{schedulerName: ''}]", "profiles[0].schedulerName: Required value"),
        (
            "profiles: [{schedulerName: a, percentageOfNodesToScore: -1}, {}]",
            "[profiles[0].percentageOfNodesToScore: Invalid value: -1: not in valid range [0-100], "
            "profiles[1].schedulerName: Required value]",
        ),
        (
            "profiles: [{schedulerName: a}, {schedulerName: a}]",
            'profiles[1].schedulerName: Duplicate value: "profiles[0].schedulerName"',
        ),
        (
            "extenders: [{prioritizeVerb: p, bindVerb: b, managedResources: [{name: cpu}, {name: a.b/c}]}, "
            "{bindVerb: b, managedResources: [{name: a.b/c}]}]",
            "[extenders[0].weight: Invalid value: 0: must have a positive weight applied to it, "
            'extenders[0].managedResources[0].name: Invalid value: "cpu": is an invalid extended resource name, '
            'extenders[1].managedResources[0].name: Invalid value: "a.b/c": duplicate extender managed resource name, '
            'extenders: Invalid value: "found 2 extenders implementing bind": only one extender can implement bind]',
        ),
        ("extenders: [{url: x}]", 'strict decoding error: unknown field "extenders[0].url"'),
        ("extenders: [{httpTimeout: soon}]", 'time: invalid duration "soon"'),
        ("leaderElection: {leaderElect: false, retryPeriod: '2'}", 'time: missing unit in duration "2"'),
        (
            "profiles: [{plugins: {filter: {enabled: [{name: EBSLimits}]}}}]",
            'profiles[0].plugins.filter.enabled[0]: Invalid value: "EBSLimits": was invalid in version '
            '"kubescheduler.config.k8s.io/v1" (KubeSchedulerConfiguration is version "kubescheduler.config.k8s.io/v1")',
        ),
        (
            "profiles: [{schedulerName: a, plugins: {queueSort: {enabled: [{name: PrioritySort}]}}}, "
            "{schedulerName: b}]",
            'profiles[1].plugins.queueSort: Invalid value: {"Enabled":[],"Disabled":[]}: '
            "must be the same for all profiles",
        ),
        (
            "profiles: [{schedulerName: a, plugins: {score: {enabled: [{name: Foo}]}}}]",
            'initializing profiles: creating profile for scheduler name a: ScorePlugin "Foo" does not exist',
        ),
    ],
)
def test_what_can_not_be_is_told_in_upstreams_words(text: str, why: str) -> None:
    with pytest.raises((Malformed, ProfileError)) as error:
        said(text)
    assert str(error.value) == why


def test_extenders_and_what_they_keep_from_the_scheduler(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.yaml"
    file.write_text(
        HEAD
        + """
profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {ignoredResources: [a.b/c]}}]}]
extenders:
- urlPrefix: https://gpus.example.com/scheduler
  filterVerb: filter
  prioritizeVerb: prioritize
  weight: 5
  httpTimeout: 250ms
  nodeCacheCapable: true
  enableHTTPS: true
  tlsConfig: {caFile: ca.pem, certData: eA==, serverName: gpus}
  managedResources: [{name: example.com/gpu, ignoredByScheduler: true}, {name: example.com/npu}]
- urlPrefix: http://127.0.0.1:9
  ignorable: true
"""
    )
    found = read(file)
    first, second = found.extenders
    assert (first.filter_verb, first.weight, first.timeout, first.node_cache_capable) == ("filter", 5, 0.25, True)
    assert first.tls == TLSConfiguration(server_name="gpus", ca_file=str(tmp_path / "ca.pem"), cert_data=b"x")
    assert [tuple(one) for one in first.managed_resources] == [("example.com/gpu", True), ("example.com/npu", False)]
    assert (second.timeout, second.ignorable, second.managed_resources) == (5.0, True, ())
    assert found.profiles[0].arguments["NodeResourcesFit"]["ignoredResources"] == ["example.com/gpu"]


ARGS = "profiles: [{pluginConfig: [{name: %s, args: %s}]}]"
PLACE = "profiles[0].pluginConfig[0].args"
FIT = 'initializing profiles: creating profile for scheduler name default-scheduler: initializing plugin "%s": %s'


def test_arguments_are_made_whole() -> None:
    (found,) = said(
        ARGS % ("NodeResourcesFit", "{scoringStrategy: {type: MostAllocated, resources: [{name: x.y/z}]}}")
    ).profiles
    assert found.arguments["NodeResourcesFit"] == {
        "ignoredResources": [],
        "ignoredResourceGroups": [],
        "scoringStrategy": {"type": "MostAllocated", "resources": [{"name": "x.y/z", "weight": 1}]},
    }
    assert found.arguments["VolumeBinding"]["bindTimeoutSeconds"] == 600
    kind = "apiVersion: kubescheduler.config.k8s.io/v1, kind: InterPodAffinityArgs"
    (found,) = said(ARGS % ("InterPodAffinity", f"{{{kind}, hardPodAffinityWeight: 0}}")).profiles
    assert found.arguments["InterPodAffinity"]["hardPodAffinityWeight"] == 0
    assert said(ARGS % ("SomebodyElses", "{any: thing}")) == Configuration()


@pytest.mark.parametrize(
    ("plugin", "args", "why"),
    [
        (
            "NodeResourcesFit",
            "{scoringStrategy: {requestedToCapacityRatio: {shape: [{Score: 1, Utilization: 1}]}}}",
            "strict decoding error: decoding .profiles[0].pluginConfig[0]: strict decoding error: decoding args for "
            'plugin NodeResourcesFit: strict decoding error: unknown field "scoringStrategy.requestedToCapacityRatio.'
            'shape[0].Score", unknown field "scoringStrategy.requestedToCapacityRatio.shape[0].Utilization"',
        ),
        (
            "DefaultPreemption",
            "{kind: InterPodAffinityArgs}",
            "decoding .profiles[0].pluginConfig[0]: args for plugin DefaultPreemption were not of type "
            "DefaultPreemptionArgs.kubescheduler.config.k8s.io, got InterPodAffinityArgs.kubescheduler.config.k8s.io",
        ),
        (
            "InterPodAffinity",
            "{hardPodAffinityWeight: 2147483648}",
            "decoding .profiles[0].pluginConfig[0]: json: cannot unmarshal number 2147483648 into Go struct field "
            "hardPodAffinityWeight of type int32",
        ),
        (
            "InterPodAffinity",
            "{hardPodAffinityWeight: 101}",
            f"{PLACE}.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]",
        ),
        (
            "DefaultPreemption",
            "{minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0}",
            f"[{PLACE}.minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time as "
            f"minCandidateNodesAbsolute, {PLACE}.minCandidateNodesAbsolute: Invalid value: 0: cannot be zero at the "
            "same time as minCandidateNodesPercentage]",
        ),
        (
            "NodeResourcesBalancedAllocation",
            "{resources: [{name: cpu, weight: 9223372036854775807}, {name: cpu}]}",
            f"[{PLACE}.resources[0].weight: Invalid value: 9223372036854775807: must be 1, "
            f'{PLACE}.resources[1].name: Duplicate value: "cpu"]',
        ),
        (
            "NodeResourcesFit",
            "{scoringStrategy: {type: Best, resources: [{name: cpu, weight: 101}]}}",
            FIT
            % (
                "NodeResourcesFit",
                '[scoringStrategy.type: Unsupported value: "Best": supported values: "LeastAllocated", '
                '"MostAllocated", "RequestedToCapacityRatio", scoringStrategy.resources[0].weight: Invalid value: 101: '
                "resource weight of cpu not in valid range (0, 100]]",
            ),
        ),
        (
            "NodeResourcesFit",
            "{scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: "
            "[{utilization: 10, score: 11}, {utilization: 10}]}}}",
            FIT
            % (
                "NodeResourcesFit",
                "[scoringStrategy.requestedToCapacityRatio.shape[1].utilization: Invalid value: 10: values must be "
                "sorted in increasing order, scoringStrategy.requestedToCapacityRatio.shape[0].score: Invalid value: "
                "11: not in valid range [0, 10]]",
            ),
        ),
        (
            "NodeResourcesFit",
            "{ignoredResourceGroups: [a.b/c]}",
            FIT
            % (
                "NodeResourcesFit",
                "ignoredResourceGroups[0]: Invalid value: \"a.b/c\": resource group name can't contain '/'",
            ),
        ),
        (
            "PodTopologySpread",
            "{defaultConstraints: [{maxSkew: 0, topologyKey: z, labelSelector: {}}]}",
            f'[{PLACE}.defaultingType: Invalid value: "System": when .defaultConstraints are not empty, '
            f"{PLACE}.defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf), "
            f"{PLACE}.defaultConstraints[0].whenUnsatisfiable: Required value: can not be empty, "
            f"{PLACE}.defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector, as they "
            "deduced for each pod]",
        ),
        (
            "NodeAffinity",
            "{addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{}, "
            "{matchExpressions: [{key: a, operator: In}], matchFields: [{key: metadata.name, operator: Gt}]}]}}}",
            f"[{PLACE}.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[1]."
            "matchExpressions[0].values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty, "
            f"{PLACE}.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[1]."
            'matchFields[0].operator: Unsupported value: "Gt": supported values: "In", "NotIn"]',
        ),
        (
            "VolumeBinding",
            "{bindTimeoutSeconds: -1}",
            f"{PLACE}.bindTimeoutSeconds: Invalid value: -1: invalid BindTimeoutSeconds, should not be a negative "
            "value",
        ),
        (
            "EBSLimits",
            "{}",
            'profiles[0].pluginConfig[0]: Invalid value: "EBSLimits": was invalid in version '
            '"kubescheduler.config.k8s.io/v1" (KubeSchedulerConfiguration is version "kubescheduler.config.k8s.io/v1")',
        ),
    ],
)
def test_arguments_that_can_not_be_are_told_in_upstreams_words(plugin: str, args: str, why: str) -> None:
    with pytest.raises((Malformed, ProfileError)) as error:
        said(ARGS % (plugin, args))
    assert str(error.value) == why


def test_the_arguments_of_a_plugin_that_has_no_say_are_not_looked_at() -> None:
    off = "plugins: {multiPoint: {disabled: [{name: NodeResourcesFit}]}}"
    said(f"profiles: [{{{off}, pluginConfig: [{{name: NodeResourcesFit, args: {{scoringStrategy: {{type: x}}}}}}]}}]")


def test_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.yaml"
    with pytest.raises(ConfigFileError, match=f"^open {file}: no such file or directory$"):
        read(file)
    file.write_text("apiVersion: kubescheduler.config.k8s.io/v1beta3\nkind: KubeSchedulerConfiguration\n")
    why = (
        'no kind "KubeSchedulerConfiguration" is registered for version "kubescheduler.config.k8s.io/v1beta3" in scheme'
    )
    with pytest.raises(ConfigFileError, match=f"^{file}: {why}"):
        read(file)
