"""What a node needs from the machine, and what is said where it lacks."""

import os
import stat
from pathlib import Path

import pytest

from sampan.cluster import preflight
from sampan.cluster.preflight import PreflightError, check


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def lack(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    monkeypatch.setattr(preflight, "NEEDS", {name: lambda name=name: name not in packages for name in preflight.NEEDS})


def test_without_root_there_is_a_way_without_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PreflightError, match=r"(?s)a node needs root.*\n    sampan up --control-plane-only"):
        check(install_missing=False, say=print)


def test_what_lacks_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lack(monkeypatch, "containerd", "nftables")
    with pytest.raises(PreflightError) as refused:
        check(install_missing=False, say=print)
    assert "\n    apt-get install -y containerd nftables\n" in str(refused.value)
    lack(monkeypatch)
    check(install_missing=False, say=print)


def test_an_installation_that_fails_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lack(monkeypatch, "containerd")
    apt = tmp_path / "apt-get"
    apt.write_text('#!/bin/sh\necho "E: Unable to fetch some archives" >&2\nexit 100\n')
    apt.chmod(apt.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    said = list[str]()
    with pytest.raises(PreflightError, match=r"apt-get update -qq failed:\nE: Unable to fetch"):
        check(install_missing=True, say=said.append)
    assert said[0].startswith("installing containerd")
