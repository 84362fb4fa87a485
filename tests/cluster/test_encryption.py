"""Encryption at rest by flags of `sampan up`."""

from pathlib import Path

import pytest

from sampan.cluster.lifecycle import LifecycleError
from sampan.cluster.settle import Wishes, settle
from tests.storage.encryption.configurations import local, text

GOOD = text((["secrets"], [local("aesgcm")]))


def test_flags_are_kept_until_they_are_taken_back(homes: Path, tmp_path: Path) -> None:
    file = tmp_path / "encryption.yaml"
    file.write_text(GOOD)
    config = settle(Wishes("a", encryption_provider_config=str(file), encryption_reload=True))
    assert config.encryption_provider_config == str(file) and config.encryption_provider_config_automatic_reload
    kept = settle(Wishes("a"))
    assert kept.encryption_provider_config == str(file) and kept.encryption_provider_config_automatic_reload
    assert not settle(Wishes("a", encryption_reload=False)).encryption_provider_config_automatic_reload
    back = settle(Wishes("a", encryption_provider_config=""))
    assert not back.encryption_provider_config and not back.encryption_provider_config_automatic_reload


@pytest.mark.parametrize(
    ("content", "wishes", "why"),
    [
        (GOOD, Wishes("a", encryption_reload=True), "automatic-reload must be set with --encryption-provider-config"),
        ("", Wishes("a", encryption_provider_config="FILE"), "--encryption-provider-config: error while parsing file"),
        (
            text((["*."], [local("aesgcm")]), (["secrets"], [local("aesgcm")])),
            Wishes("a", encryption_provider_config="FILE"),
            'resource "secrets" is masked by earlier rule "*."',
        ),
    ],
)
def test_what_can_not_be_is_refused(
    homes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, wishes: Wishes, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text(content)
    with pytest.raises(LifecycleError) as error:
        settle(wishes)
    assert why in str(error.value)
