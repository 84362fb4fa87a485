"""Admission by flags of `sampan up`."""

from pathlib import Path

import pytest

from sampan.cluster.admission import admission_of
from sampan.cluster.lifecycle import LifecycleError
from sampan.cluster.settle import Wishes, settle


def test_flags_are_kept_until_they_are_taken_back(homes: Path) -> None:
    settle(Wishes("a", enable_admission_plugins="AlwaysPullImages, EventRateLimit"))
    kept = settle(Wishes("a", disable_admission_plugins="PodSecurity"))
    found = admission_of(kept)
    assert (found.enable, found.disable) == ({"AlwaysPullImages", "EventRateLimit"}, {"PodSecurity"})
    assert admission_of(settle(Wishes("a", enable_admission_plugins=""))).enable == frozenset()


@pytest.mark.parametrize(
    ("wishes", "why"),
    [
        (Wishes("a", enable_admission_plugins="Nope"), '--enable-admission-plugins plugin "Nope" is unknown'),
        (Wishes("a", admission_config_file="/none"), "--admission-control-config-file: /none: No such file"),
        (Wishes("a", admission_config_file=__file__), "--admission-control-config-file: "),
    ],
)
def test_what_can_not_be_is_refused(homes: Path, wishes: Wishes, why: str) -> None:
    with pytest.raises(LifecycleError) as error:
        settle(wishes)
    assert why in str(error.value)
