"""Our default roles and bindings against upstream's own test data, where Go has fetched its source."""

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from sampan.apiserver.bootstrap import policy, policy_namespaced
from sampan.machinery.tree import semantic_equal

_DATA = "k8s.io/kubernetes@v1.37.*/plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata"
_FILLED_IN = ("admin", "edit", "view")  # ours are complete from the start, upstream's once a controller aggregates them
Name = tuple[str, str, str]


@cache
def upstream() -> dict[Name, dict[str, Any]]:
    """Upstream's objects by kind, namespace and name; skips where there are none."""
    if shutil.which("go") is None:
        pytest.skip("no Go")
    modules = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    files = [file for file in Path(modules).glob(f"{_DATA}/*.yaml") if "featuregates" not in file.name]
    if not files:
        pytest.skip("upstream's source has not been fetched")
    return {name_of(obj): obj for file in files for obj in yaml.safe_load(file.read_text())["items"]}


def name_of(obj: dict[str, Any]) -> Name:
    """Kind, namespace and name."""
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def ours() -> dict[Name, dict[str, Any]]:
    """Our objects likewise."""
    found = [*policy.roles(), *policy.bindings(), *policy_namespaced.roles(), *policy_namespaced.bindings()]
    return {name_of(obj): obj for obj in found}


def test_the_same_names() -> None:
    assert sorted(ours()) == sorted(upstream())


def test_the_same_rules_and_subjects() -> None:
    differ = [
        name
        for name, obj in ours().items()
        if not semantic_equal(obj, upstream()[name] | ({"rules": obj["rules"]} if name[2] in _FILLED_IN else {}))
    ]
    assert not differ


def test_aggregated_roles_are_made_of_all_their_parts() -> None:
    for name in _FILLED_IN:
        role = ours()["ClusterRole", "", name]
        (selector,) = role["aggregationRule"]["clusterRoleSelectors"]
        ((label, _),) = selector["matchLabels"].items()
        parts = [obj for obj in ours().values() if label in (obj["metadata"].get("labels") or {})]
        for rule in (rule for part in parts for rule in part["rules"]):
            assert rule in role["rules"], name
