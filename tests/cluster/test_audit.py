"""Auditing by flags of `sampan up`."""

from pathlib import Path

import pytest

from sampan.cli.app import parser
from sampan.cluster.audit import audit_of
from sampan.cluster.audit_flags import FLAGS
from sampan.cluster.config import load
from sampan.cluster.lifecycle import LifecycleError
from sampan.cluster.settle import settle
from sampan.cluster.wishes import Wishes

POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
SAMPLES = {"FILE": "f", "NAME": "batch", "NUMBER": "7", "RATE": "2.5", "DURATION": "5s", "BOOL": "false"}


@pytest.fixture(autouse=True)
def here(homes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a policy, where the user is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path


def test_flags_are_kept_until_they_are_taken_back(here: Path) -> None:
    settle(Wishes("a", audit={"audit_policy_file": "policy.yaml", "audit_log_path": "audit.log"}))
    config = settle(Wishes("a", audit={"audit_log_maxsize": "5", "audit_log_mode": "batch"}))
    options = audit_of(config)
    assert (options.policy_file, options.log_path) == (str(here / "policy.yaml"), str(here / "audit.log"))
    assert options.log_keep.max_size == 5 and options.log.mode == "batch" and options.log.batching.max_size == 1
    assert load(config.directory) == config
    assert settle(Wishes("a", audit=dict.fromkeys(config.audit, ""))).audit == {}


def test_every_flag_reaches_the_options() -> None:
    words = [f"--{flag.name}={SAMPLES[flag.takes]}" for flag in FLAGS]
    said = parser().parse_args(["up", *words])
    config = settle(Wishes("a")).with_changes(audit={flag.field: getattr(said, flag.field) for flag in FLAGS})
    options = audit_of(config)
    assert options.webhook_backoff == 5.0 and options.log_keep == (7, 7, 7, False)
    for delivery in (options.log, options.webhook):
        assert delivery.mode == "batch" and delivery.version == "batch" and not delivery.truncate
        assert delivery.batching[:6] == (7, 7, 5.0, False, 2.5, 7) and delivery.limits == (7, 7)


def test_a_flag_for_yes_and_no_needs_no_word() -> None:
    said = parser().parse_args(["up", "--audit-log-compress", "--audit-log-truncate-enabled=true"])
    assert said.audit_log_compress == said.audit_log_truncate_enabled == "true"


@pytest.mark.parametrize(
    "words", ["--audit-log-maxage=x", "--audit-log-compress=maybe", "--audit-log-batch-max-wait=1"]
)
def test_words_that_are_none(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["up", words])
    assert words.partition("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("audit", "why"),
    [
        ({"audit_policy_file": "none.yaml"}, "loading audit policy file: failed to read file path"),
        ({"audit_log_path": "x", "audit_log_mode": "nope"}, "invalid audit log mode nope"),
        ({"audit_webhook_config_file": "none"}, "initializing audit webhook: stat"),
    ],
)
def test_what_can_not_be_is_refused(audit: dict[str, str], why: str) -> None:
    with pytest.raises(LifecycleError) as error:
        settle(Wishes("a", audit=audit))
    assert why in str(error.value)
