"""`sampan up --scheduler-config`: what is settled, and what is said of a file that is broken."""

from pathlib import Path

import pytest

from sampan.cli import app
from sampan.cli.up import wishes_of
from sampan.cluster.config import ClusterConfig
from sampan.cluster.lifecycle import LifecycleError
from sampan.cluster.scheduler import configuration_of
from sampan.cluster.settle import settle
from tests.cluster.place import Place, command_in

FILE = (
    "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofiles: [{schedulerName: mine}]\n"
)


def asked(homes: Path, *words: str) -> ClusterConfig:
    return settle(wishes_of(app.parser().parse_args(["up", "--kubeconfig", str(homes / "kubeconfig"), *words])))


def test_the_file_is_kept_until_it_is_taken_back(homes: Path) -> None:
    file = homes / "scheduler.yaml"
    file.write_text(FILE)
    asked(homes, "--scheduler-config", str(file))
    (profile,) = configuration_of(asked(homes)).profiles
    assert profile.name == "mine"
    file.unlink()
    with pytest.raises(LifecycleError) as refused:
        asked(homes)
    assert command_in(str(refused.value), file) == "sampan up --name sampan --scheduler-config ''"
    assert configuration_of(asked(homes, "--scheduler-config", "")).profiles[0].name == "default-scheduler"


def test_a_file_of_an_extender_that_is_missing_is_named(homes: Path) -> None:
    file = homes / "scheduler.yaml"
    file.write_text(FILE + "extenders: [{urlPrefix: 'https://x', tlsConfig: {caFile: ca.pem}}]\n")
    with pytest.raises(LifecycleError) as refused:
        asked(homes, "--scheduler-config", str(file))
    why = f"couldn't build extenders: open {homes}/ca.pem: no such file or directory"
    assert str(refused.value).startswith(f"--scheduler-config: {file}: {why}")


def test_a_broken_file_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    place, file = Place(tmp_path / "home"), tmp_path / "scheduler.yaml"
    file.write_text(FILE + "extra: 1\n")
    done = place.sampan("up", "--control-plane-only", "--listen", "127.0.0.1", "--scheduler-config", str(file))
    assert done.returncode == 1
    assert f'--scheduler-config: {file}: strict decoding error: unknown field "extra"' in done.stderr
