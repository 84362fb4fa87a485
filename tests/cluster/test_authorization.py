"""Authorization by flags of `sampan up`."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from sampan.apiserver.authorization.options import AuthorizationOptions
from sampan.cli.authorization_flags import AUTHORIZATION
from sampan.cli.flag_table import add_flags, given
from sampan.cluster.authorization import options_of
from sampan.cluster.config import load
from sampan.cluster.lifecycle import LifecycleError
from sampan.cluster.settle import Wishes, settle


def parsed(*words: str) -> dict[str, Any]:
    """What a command line says."""
    parser = argparse.ArgumentParser()
    add_flags(parser, "authorization", AUTHORIZATION)
    return given(parser.parse_args(words), AUTHORIZATION)


def test_every_flag_is_an_option() -> None:
    fields = {flag.name.replace("-", "_") for flag in AUTHORIZATION}
    assert fields == set(AuthorizationOptions.__dataclass_fields__)


def test_flags_are_kept_until_they_are_taken_back(homes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("policies").write_text('{"user": "jane"}\n')
    words = ("--authorization-mode=Node, ABAC,RBAC", "--authorization-policy-file=policies")
    config = settle(Wishes("a", authorization=parsed(*words)))
    assert config.authorization["authorization_policy_file"] == str(tmp_path / "policies")
    assert load(config.directory) == config
    assert options_of(config).authorization_mode == ["Node", "ABAC", "RBAC"]
    kept = settle(Wishes("a", authorization=parsed("--authorization-webhook-version=v1")))
    assert options_of(kept).authorization_mode == ["Node", "ABAC", "RBAC"]
    back = parsed("--authorization-mode=", "--authorization-policy-file=", "--authorization-webhook-version=")
    assert settle(Wishes("a", authorization=back)).authorization == {}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--authorization-mode=Sometimes",), 'authorization-mode "Sometimes" is not a valid mode'),
        (("--authorization-config=/nope",), "--authorization-config: open /nope: no such file or directory"),
    ],
)
def test_what_can_not_be_is_refused(homes: Path, words: tuple[str, ...], why: str) -> None:
    with pytest.raises(LifecycleError) as error:
        settle(Wishes("a", authorization=parsed(*words)))
    assert str(error.value).startswith(why)
