"""Which plugins a profile has: upstream's tables of merging and of multiPoint."""

from collections.abc import Mapping, Sequence

import pytest

from sampan.scheduler.configuration.merging import (
    DEFAULT_PLUGINS,
    Enabled,
    PluginSet,
    ProfileError,
    expanded,
    merged,
    with_defaults,
)

SCORES = [
    "TaintToleration:3",
    "NodeAffinity:2",
    "NodeResourcesFit:1",
    "VolumeBinding:1",
    "PodTopologySpread:2",
    "InterPodAffinity:2",
    "DynamicResources:2",
    "NodeResourcesBalancedAllocation:1",
    "ImageLocality:1",
]
NEEDED = ("PrioritySort", "DefaultBinder")


def names(*words: str) -> list[Enabled]:
    """Plugins as NAME or NAME:WEIGHT."""
    return [Enabled(name, int(weight or 0)) for name, _, weight in (word.partition(":") for word in words)]


def plugin_set(*words: str) -> PluginSet:
    """Enabled plugins, and, with a minus, disabled ones."""
    return PluginSet(names(*(word for word in words if word[0] != "-")), [word[1:] for word in words if word[0] == "-"])


@pytest.mark.parametrize(
    ("default", "custom", "result"),
    [
        ("1 2", "own", "1 2 own"),
        ("1 2", "own 2 -2", "1 own 2 -2"),
        ("1 2", "own 1 2 -*", "own 1 2 -*"),
        ("1 2", "2 1 -*", "2 1 -*"),
        ("1 2", "", "1 2"),
        ("1 2 3", "1:2 3:3", "1:2 2 3:3"),
        ("1 2 3", "2:2 1:1", "1:1 2:2 3"),
        ("1 2 3", "1 2:2 3 2:4", "1 2:4 3 2:2"),
        ("1 2 -3", "3 -2", "1 3 -2 -3"),
    ],
)
def test_a_set_is_merged_with_the_default_one(default: str, custom: str, result: str) -> None:
    sets = plugin_set(*default.split()), plugin_set(*custom.split())
    assert merged(*sets) == plugin_set(*result.split())


@pytest.mark.parametrize(
    ("said", "scores"),
    [
        ({}, SCORES),
        ({"score": "-*"}, []),
        ({"score": "-NodeAffinity -ImageLocality"}, [SCORES[0], *SCORES[2:-1]]),
        ({"multiPoint": "-*", "score": "ImageLocality"}, ["ImageLocality:1"]),
        (
            {"multiPoint": "-* ImageLocality:7 NodeAffinity", "score": "NodeAffinity:5"},
            ["NodeAffinity:5", "ImageLocality:7"],
        ),
        (
            {"multiPoint": "-* NodeAffinity ImageLocality", "score": "TaintToleration ImageLocality NodeAffinity:3"},
            ["ImageLocality:1", "NodeAffinity:3", "TaintToleration:1"],
        ),
        ({"multiPoint": "-* ImageLocality", "score": "-ImageLocality"}, []),
        ({"multiPoint": "-ImageLocality -* ImageLocality"}, ["ImageLocality:1"]),
    ],
)
def test_multi_point_is_spread_and_a_point_has_precedence(said: Mapping[str, str], scores: Sequence[str]) -> None:
    sets = {point: plugin_set(*words.split()) for point, words in said.items()}
    needed = sets.get("multiPoint", PluginSet())
    if "*" in needed.disabled:
        sets["multiPoint"] = PluginSet([*names(*NEEDED), *needed.enabled], needed.disabled)
    plugins = expanded(with_defaults(sets), "mine")
    assert [f"{name}:{plugins.weights[name]}" for name in plugins.at("score")] == list(scores)


def test_the_default_profile_has_every_plugin_wherever_it_has_a_say() -> None:
    assert DEFAULT_PLUGINS.at("queueSort") == ["PrioritySort"]
    assert DEFAULT_PLUGINS.at("postFilter") == ["DynamicResources", "DefaultPreemption"]
    assert DEFAULT_PLUGINS.at("bind") == ["DefaultBinder"]
    assert DEFAULT_PLUGINS.at("reserve") == DEFAULT_PLUGINS.at("preBind") == ["VolumeBinding", "DynamicResources"]
    assert DEFAULT_PLUGINS.at("filter")[:3] == ["NodeName", "NodeUnschedulable", "TaintToleration"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"filter": "Foo"}, 'FilterPlugin "Foo" does not exist'),
        ({"multiPoint": "Foo"}, 'PreFilterPlugin "Foo" does not exist'),
        ({"multiPoint": "Foo", "preFilter": "-*"}, 'FilterPlugin "Foo" does not exist'),
        ({"multiPoint": "GangScheduling"}, 'plugin "GangScheduling" is not part of this scheduler'),
        ({"filter": "ImageLocality"}, 'plugin "ImageLocality" does not extend FilterPlugin plugin'),
        ({"score": "ImageLocality ImageLocality"}, 'plugin "ImageLocality" already registered as "ScorePlugin"'),
        ({"multiPoint": "NodeName NodeName"}, 'plugin "NodeName" already registered as "PreFilterPlugin"'),
        (
            {"queueSort": "-*"},
            'only one queue sort plugin required for profile with scheduler name "mine", but got 0',
        ),
        ({"bind": "-DefaultBinder"}, 'at least one bind plugin is needed for profile with scheduler name "mine"'),
    ],
)
def test_what_can_not_be_is_told_in_upstreams_words(said: Mapping[str, str], why: str) -> None:
    with pytest.raises(ProfileError) as error:
        expanded(with_defaults({point: plugin_set(*words.split()) for point, words in said.items()}), "mine")
    assert str(error.value) == why
