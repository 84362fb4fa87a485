import base64
import os
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from sampan.client.kubeconfig import (
    Access,
    KubeconfigError,
    default_paths,
    default_write_path,
    load,
    merge_cluster,
    remove_cluster,
)

FOREIGN = """\
apiVersion: v1
kind: Config
preferences: {}
clusters:
- name: prod
  cluster:
    server: https://prod.example.com
    insecure-skip-tls-verify: true
    certificate-authority: ca.pem
- name: "0123"
  cluster: {server: 'http://plain'}
users:
- name: me
  user:
    token: 00123
    password: yes
contexts:
- name: prod
  context: {cluster: prod, user: me, namespace: web}
- name: bare
  context: {cluster: "0123", user: ""}
current-context: prod
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(FOREIGN)
    (tmp_path / "ca.pem").write_bytes(b"CA")
    return path


def merge(path: Path, name: str = "sampan", server: str = "https://127.0.0.1:6443") -> None:
    merge_cluster(path, name, server, b"ca", b"cert", b"key")


def test_load(config: Path) -> None:
    prod = load([config])
    assert prod == Access(
        "https://prod.example.com", "web", ca=b"CA", token="00123", password="yes", verify=False, tls_server_name=""
    )
    assert load([config], "bare") == Access("http://plain")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FOREIGN.replace("current-context: prod", "current-context: gone"), 'context "gone" does not exist'),
        (FOREIGN.replace("cluster: prod,", "cluster: gone,"), 'cluster "gone" does not exist'),
        (FOREIGN.replace("user: me", "user: gone"), 'user "gone" does not exist'),
        (FOREIGN.replace("token: 00123", "exec: {command: x}"), "'exec', which is not supported"),
        (FOREIGN.replace("token: 00123", "client-certificate-data: '?'"), "not base64"),
        (FOREIGN.replace("token: 00123", "client-certificate: nowhere"), "unable to read client-certificate nowhere"),
        ("", "current-context is not set"),
        ("- list", "not a mapping"),
        ("{", "error loading config file"),
    ],
)
def test_load_fails_with_a_reason(config: Path, text: str, message: str) -> None:
    config.write_text(text)
    with pytest.raises(KubeconfigError, match=message):
        load([config])


def test_the_first_file_wins(config: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    merge(first, "prod", "https://first")
    assert load([tmp_path / "missing", first, config]).server == "https://first"
    assert load([config, first]).server == "https://prod.example.com"
    assert load([first, config], "bare").server == "http://plain"


def test_default_paths(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "missing"
    monkeypatch.setenv("KUBECONFIG", f"{missing}:{config}:")
    assert default_paths() == [missing, config]
    assert default_write_path() == config
    monkeypatch.setenv("KUBECONFIG", f"{missing}:{missing}2")
    assert default_write_path() == Path(f"{missing}2")
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_paths() == [tmp_path / ".kube" / "config"]


def test_merge_into_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config"
    merge(path)
    assert load([path]) == Access("https://127.0.0.1:6443", ca=b"ca", certificate=b"cert", key=b"key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = yaml.safe_load(path.read_text())
    assert (document["apiVersion"], document["kind"], document["current-context"]) == ("v1", "Config", "sampan")
    assert [p.name for p in path.parent.iterdir()] == ["config"]


def test_merge_and_remove_keep_what_is_foreign(config: Path) -> None:
    before = yaml.load(config.read_text(), yaml.BaseLoader)
    merge(config)
    merge(config, server="https://127.0.0.1:7443")
    after = yaml.load(config.read_text(), yaml.BaseLoader)
    for section in ("clusters", "users", "contexts"):
        assert after[section][:-1] == before[section]
        assert after[section][-1]["name"] == "sampan"
    assert after["current-context"] == "sampan"
    assert load([config]).server == "https://127.0.0.1:7443"
    text = config.read_text()
    assert "token: 00123" in text and "password: yes" in text and '"0123"' in text  # spelled as they were
    remove_cluster(config, "sampan")
    assert yaml.load(config.read_text(), yaml.BaseLoader) == {**before, "current-context": ""}


def test_remove_leaves_another_current_context(config: Path) -> None:
    merge(config)
    config.write_text(config.read_text().replace("current-context: sampan", "current-context: prod"))
    remove_cluster(config, "sampan")
    assert load([config]).server == "https://prod.example.com"


def test_foreign_entries_of_the_same_name_are_never_touched(config: Path) -> None:
    with pytest.raises(KubeconfigError, match='clusters already has "prod"'):
        merge(config, "prod")
    remove_cluster(config, "prod")
    assert load([config]).server == "https://prod.example.com"
    assert yaml.safe_load(config.read_text())["current-context"] == "prod"


def test_remove_of_what_is_not_there(tmp_path: Path, config: Path) -> None:
    remove_cluster(tmp_path / "missing", "sampan")
    assert not (tmp_path / "missing").exists()
    remove_cluster(config, "sampan")
    assert load([config]).server == "https://prod.example.com"


@pytest.mark.parametrize("text", ["- list", "{", "clusters: text"])
def test_what_is_not_a_kubeconfig_is_left_alone(config: Path, text: str) -> None:
    config.write_text(text)
    with pytest.raises(KubeconfigError):
        merge(config)
    assert config.read_text() == text
    assert len(list(config.parent.iterdir())) == 2


def test_empty_sections(config: Path) -> None:
    config.write_text("clusters: null\nusers: []\ncontexts:\n")
    merge(config)
    assert load([config]).key == b"key"


def test_a_link_stays_a_link(config: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(config)
    merge(link)
    assert link.is_symlink() and load([config]).ca == b"ca"


def test_edits_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "config"
    children = []
    for number in range(6):
        if (pid := os.fork()) == 0:
            try:
                merge(path, f"c{number}")
                os._exit(0)
            finally:
                os._exit(1)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 6
    for number in range(6):
        assert load([path], f"c{number}").certificate == b"cert"


def test_kubectl_reads_what_we_write(config: Path) -> None:
    kubectl = os.environ.get("KUBECTL", "kubectl")
    # what Go can take: it reads the rest more strictly than we do
    config.write_text(FOREIGN.replace("password: yes", "password: 'yes'").replace("00123", "abc"))
    merge(config)
    try:
        command = [kubectl, "config", "view", "--raw", "--minify", "-o", "jsonpath={.users[0].user.client-key-data}"]
        shown = subprocess.run([*command, f"--kubeconfig={config}"], capture_output=True, check=True, text=True).stdout
    except FileNotFoundError:
        pytest.skip("no kubectl on this machine")
    assert base64.b64decode(shown) == b"key"
