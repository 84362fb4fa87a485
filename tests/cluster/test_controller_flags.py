"""Flags of kube-controller-manager in `sampan up`."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from sampan.cli.controller_flags import CONTROLLERS
from sampan.cli.flag_table import add_flags, given
from sampan.cluster.config import load
from sampan.cluster.controller_flags import settings
from sampan.cluster.lifecycle import LifecycleError
from sampan.cluster.settle import Wishes, settle
from sampan.controllers.config import Config


def parsed(*words: str) -> dict[str, Any]:
    """What a command line says."""
    parser = argparse.ArgumentParser()
    add_flags(parser, "controllers", CONTROLLERS)
    return given(parser.parse_args(words), CONTROLLERS)


def test_every_flag_sets_a_field_to_what_is_its_default_in_the_help() -> None:
    defaults = {flag.name: flag.help.rpartition("(default: ")[2].rstrip(")") for flag in CONTROLLERS}
    said = parsed(*(f"--{name}={value}" for name, value in defaults.items()))
    assert Config(**settings(said)) == Config()


def test_which_controllers_run() -> None:
    said = settings(parsed("--controllers=*,-daemonset-controller"))
    assert Config(**said).controllers == ("*", "-daemonset-controller")


def test_flags_are_kept_until_they_are_taken_back(homes: Path) -> None:
    config = settle(Wishes("a", controllers=parsed("--kube-api-qps=-1", "--node-monitor-grace-period=1m")))
    assert load(config.directory) == config
    assert settings(config.controllers) == {"kube_api_qps": -1.0, "node_monitor_grace_period": 60.0}
    kept = settle(Wishes("a", controllers=parsed("--kube-api-qps=", "--kube-api-burst=7")))
    assert settings(kept.controllers) == {"kube_api_burst": 7, "node_monitor_grace_period": 60.0}


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("--controllers=*,-cron", "--controllers: '*,-cron' names '-cron', which is none of *,"),
        ("--kube-api-qps=nan", "--kube-api-qps: 'nan' is no rate"),
        ("--kube-api-qps=1e308", "--kube-api-qps: '1e308' is no rate"),
        ("--kube-api-qps=0", "--kube-api-qps: '0' is no rate"),
        ("--kube-api-qps=many", "--kube-api-qps: 'many' is no number"),
        ("--kube-api-burst=-1", "--kube-api-burst: '-1' is no number from 0"),
        ("--node-monitor-period=0s", "--node-monitor-period: '0s' is no duration"),
        ("--horizontal-pod-autoscaler-tolerance=nan", "--horizontal-pod-autoscaler-tolerance: 'nan' is no tolerance"),
        ("--node-monitor-period=soon", "--node-monitor-period: 'soon' is no duration"),
    ],
)
def test_what_can_not_be_is_refused(homes: Path, word: str, why: str) -> None:
    with pytest.raises(LifecycleError) as error:
        settle(Wishes("a", controllers=parsed(word)))
    assert str(error.value).startswith(why)
