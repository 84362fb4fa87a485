"""What a cluster gets, what it keeps, and what `up` refuses before anything has happened."""

import socket
from pathlib import Path

import pytest

from sampan.cli.common import find, known
from sampan.cluster.claims import claim, claims, release
from sampan.cluster.config import ClusterConfig, ConfigError, load
from sampan.cluster.lifecycle import LifecycleError, delete
from sampan.cluster.settle import Wishes, settle


def ports(config: ClusterConfig) -> set[int]:
    return {config.api_port, config.kubelet_port, config.dns_port, config.registry_port}


def test_clusters_share_neither_ports_nor_ranges(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = settle(Wishes("first")), settle(Wishes("second"))
    monkeypatch.setenv("SAMPAN_HOME", str(homes / "two"))  # another home, the same machine
    third = settle(Wishes("third"))
    assert len(ports(first) | ports(second) | ports(third)) == 12
    assert len({c.pod_cidr for c in (first, second, third)}) == 3
    assert len({c.service_cidr for c in (first, second, third)}) == 3


def test_a_name_is_used_once_on_a_machine(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = settle(Wishes("a"))
    monkeypatch.setenv("SAMPAN_HOME", str(homes / "two"))
    with pytest.raises(LifecycleError, match=f"SAMPAN_HOME={homes}/one sampan down --name a"):
        settle(Wishes("a"))
    assert load(homes / "two" / "a") is None
    assert settle(Wishes("a", control_plane_only=True)).name == "a"  # that claims nothing of the machine
    release(first)
    assert list(claims()) == []


def test_addresses_are_the_cause_of_no_quarrel_with_a_control_plane_alone(
    homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, node = settle(Wishes("alone", control_plane_only=True)), settle(Wishes("node"))
    release(node)
    monkeypatch.setenv("SAMPAN_HOME", str(homes / "two"))
    other = settle(Wishes("other"))  # takes the addresses of both, which are not on the machine
    assert other.service_cidr == alone.service_cidr
    monkeypatch.setenv("SAMPAN_HOME", str(homes / "one"))
    assert settle(Wishes("alone", control_plane_only=True)).service_cidr == alone.service_cidr
    other = other.with_changes(service_cidr=node.service_cidr)
    claim(other)
    with pytest.raises(LifecycleError, match=r"(?s)uses the addresses of node.*sampan down --name other"):
        settle(Wishes("node"))


def test_a_cluster_keeps_what_people_know_and_gives_way_with_the_rest(homes: Path) -> None:
    before = settle(Wishes("a"))
    with socket.create_server(("127.0.0.1", before.registry_port)):
        after = settle(Wishes("a"))
    assert after.registry_port != before.registry_port
    assert after.with_changes(registry_port=before.registry_port) == before


def test_who_sees_legacy_versions_is_kept_until_it_is_changed(homes: Path) -> None:
    assert settle(Wishes("a")).legacy_discovery == "auto"
    assert settle(Wishes("a", legacy_discovery="never")).legacy_discovery == "never"
    assert settle(Wishes("a")).legacy_discovery == "never"


def test_how_long_certificates_last_is_kept_until_it_is_changed(homes: Path) -> None:
    assert settle(Wishes("a")).cluster_signing_duration == "8760h"
    assert settle(Wishes("a", cluster_signing_duration="1h")).cluster_signing_duration == "1h"
    assert settle(Wishes("a")).cluster_signing_duration == "1h"


def test_an_api_port_in_use_is_named_with_what_mends_it(homes: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LifecycleError, match=rf"(?s)port {port}.*ss -ltnp.*--api-port PORT"):
            settle(Wishes("a", api_port=port))
    assert known() == []


def test_an_address_that_is_not_this_machines_is_refused(homes: Path) -> None:
    with pytest.raises(LifecycleError, match=r"this machine has no such address"):
        settle(Wishes("a", listen="192.0.2.254"))


def test_an_unusable_home_says_what_to_do(homes: Path) -> None:
    (homes / "one").write_text("a file")
    with pytest.raises(LifecycleError, match=r"SAMPAN_HOME=DIRECTORY sampan up"):
        settle(Wishes("a"))


def test_a_directory_with_something_in_it_is_not_taken(homes: Path) -> None:
    (homes / "mine").mkdir()
    (homes / "mine" / "thesis.txt").touch()
    with pytest.raises(LifecycleError, match="is not empty"):
        settle(Wishes("a", state_dir=str(homes / "mine")))


def test_a_state_directory_elsewhere_is_found_by_name_and_deleted(homes: Path) -> None:
    config = settle(Wishes("a", state_dir=str(homes / "else"), control_plane_only=True, kubeconfig=str(homes / "kc")))
    assert find("a") == config
    assert known() == [config]
    delete(config, lambda _: None)
    assert not (homes / "else").exists()
    assert known() == []


@pytest.mark.parametrize("damage", ["", '{"name": "a"', "[]", '{"name": "a"}'])
def test_a_damaged_configuration_is_recalled_while_the_cluster_is_on_the_machine(homes: Path, damage: str) -> None:
    config = settle(Wishes("a"))
    (config.directory / "cluster.json").write_text(damage)
    assert find("a") == config
    release(config)
    with pytest.raises(ConfigError, match=rf"(?s)cluster.json is damaged.*rm -r {config.directory}"):
        find("a")


def test_a_cluster_whose_state_directory_is_lost_is_still_known(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = settle(Wishes("a"))
    (config.directory / "cluster.json").unlink()
    config.directory.rmdir()
    monkeypatch.setenv("SAMPAN_HOME", str(homes / "two"))  # from anywhere
    assert find("a") == config
    assert known() == [config]


def test_a_damaged_kubeconfig_does_not_keep_a_cluster_from_being_deleted(homes: Path) -> None:
    kubeconfig = homes / "kubeconfig"
    config = settle(Wishes("a", control_plane_only=True, kubeconfig=str(kubeconfig)))
    kubeconfig.write_text("a: [")
    with pytest.raises(LifecycleError, match=rf"(?s)is deleted, but .*{kubeconfig}.*config delete-context a"):
        delete(config, lambda _: None)
    assert not config.directory.exists()
    assert kubeconfig.read_text() == "a: ["


def test_nodes_are_kept_and_added_while_the_cluster_is_down(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settle(Wishes("a", nodes=2)).nodes == {"a-2": 1}
    assert settle(Wishes("a")).nodes == {"a-2": 1}
    assert settle(Wishes("a", nodes=3)).nodes == {"a-2": 1, "a-3": 2}
    with pytest.raises(LifecycleError, match="--nodes 2: cluster a has 3"):
        settle(Wishes("a", nodes=2))
    monkeypatch.setattr("sampan.cluster.process.server_pid", lambda config: 1)
    assert settle(Wishes("a", nodes=3)).nodes == {"a-2": 1, "a-3": 2}
    with pytest.raises(LifecycleError, match=r"(?s)runs with 3 nodes.*sampan node add NODE --name a"):
        settle(Wishes("a", nodes=4))


@pytest.mark.parametrize("other", [{"control_plane_only": True}, {"simulate_nodes": 3}])
def test_real_nodes_go_with_no_others(homes: Path, other: dict[str, int]) -> None:
    with pytest.raises(LifecycleError, match="they go neither with simulated ones nor with none"):
        settle(Wishes("a", nodes=2, **other))  # type: ignore[arg-type]
