"""Authentication by flags of `sampan up`."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from sampan.apiserver.authentication.options import AuthenticationOptions
from sampan.cli.authentication_flags import AUTHENTICATION
from sampan.cli.flag_table import add_flags, given
from sampan.cluster.authentication import options_of
from sampan.cluster.config import load
from sampan.cluster.lifecycle import LifecycleError
from sampan.cluster.settle import Wishes, settle


def parsed(*words: str) -> dict[str, Any]:
    """What a command line says."""
    parser = argparse.ArgumentParser()
    add_flags(parser, "authentication", AUTHENTICATION)
    return given(parser.parse_args(words), AUTHENTICATION)


def test_every_flag_is_an_option() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    add_flags(parser, "authentication", AUTHENTICATION)
    assert {action.dest for action in parser._actions} == set(AuthenticationOptions.__dataclass_fields__)


def test_flags_are_read_as_kube_apiserver_reads_them() -> None:
    assert parsed() == {}
    assert parsed(
        "--anonymous-auth=false",
        "--enable-bootstrap-token-auth",
        "--api-audiences=a, b,",
        "--oidc-required-claim=x=1",
        "--oidc-required-claim=y=2",
        "--service-account-issuer=https://a",
        "--token-auth-file=",
    ) == {
        "anonymous_auth": False,
        "enable_bootstrap_token_auth": True,
        "api_audiences": ["a", "b"],
        "oidc_required_claim": ["x=1", "y=2"],
        "service_account_issuer": ["https://a"],
        "token_auth_file": None,
    }
    with pytest.raises(SystemExit):
        parsed("--anonymous-auth=maybe")


def test_flags_are_kept_until_they_are_taken_back(homes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tokens").write_text("t,jane,1\n")
    words = ("--token-auth-file=tokens", "--anonymous-auth=false", "--api-audiences=a,b")
    config = settle(Wishes("a", authentication=parsed(*words)))
    assert config.authentication["token_auth_file"] == str(tmp_path / "tokens")
    assert load(config.directory) == config
    kept = settle(Wishes("a", authentication=parsed("--api-audiences=")))
    options = options_of(kept)
    assert (options.anonymous_auth, options.api_audiences) == (False, ())
    assert options.token_auth_file == str(tmp_path / "tokens")
    assert settle(Wishes("a")) == kept
    Path("tokens").unlink()
    with pytest.raises(LifecycleError, match=r"--token-auth-file: open .*: no such file or directory"):
        settle(Wishes("a"))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--oidc-issuer-url=https://a",), "oidc-issuer-url and oidc-client-id must be specified together"),
        (
            ("--oidc-issuer-url=http://a", "--oidc-client-id=x"),
            'invalid authentication configuration: jwt[0].issuer.url: Invalid value: "http://a": URL scheme must be',
        ),
        (("--authentication-config=file",), "failed to load authentication configuration from file"),
        (("--service-account-key-file=none",), "--service-account-key-file: open "),
        (("--authentication-token-webhook-config-file=file",), "no context is chosen"),
    ],
)
def test_what_can_not_be_is_refused(
    homes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("{}")
    with pytest.raises(LifecycleError) as error:
        settle(Wishes("a", authentication=parsed(*words)))
    assert why in str(error.value)
