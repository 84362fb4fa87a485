"""The subcommands that only look: kubectl's pass-through, env, logs, status, version."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sampan.cli import status
from sampan.cli.app import main
from sampan.cli.common import chosen_name
from sampan.cli.env import commands
from sampan.cli.kubectl import flag_value, split_name
from sampan.cli.real_kubectl import find_kubectl
from sampan.cluster import claims
from sampan.cluster.config import ClusterConfig
from sampan.cluster.process import write_pid
from tests.cluster.paper import cluster_config

# The command on a machine whose notes of clusters are in another directory.
SAMPAN = """
import sys
from pathlib import Path
from sampan.cluster import claims
claims.DIRECTORY = Path(sys.argv.pop(1))
from sampan.cli.app import main
sys.exit(main())
"""


@pytest.fixture(autouse=True)
def no_clusters_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "DIRECTORY", tmp_path / "claims")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAMPAN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def cluster(home: Path, name: str = "sampan") -> ClusterConfig:
    """A cluster that was made and does not run."""
    config = cluster_config(name, home / name)
    config.save()
    return config


def tool(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def sampan(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", SAMPAN, str(claims.DIRECTORY), *words]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


# Finding the real kubectl


def test_the_newest_kubectl_is_found_beside_where_the_plain_one_leads(tmp_path: Path) -> None:
    package = tmp_path / "package"
    for name in ("kubectl", "kubectl.1.9", "kubectl.1.33", "kubectl.1.33.old", "kubectl.sh"):
        tool(package / name)
    (package / "kubectl.1.40").write_text("not executable")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl").symlink_to(package / "kubectl")
    assert find_kubectl(f"/nowhere:{tmp_path / 'bin'}") == package / "kubectl.1.33"


def test_a_lonely_kubectl_will_do_and_the_first_in_path_wins(tmp_path: Path) -> None:
    first, second = (tool(tmp_path / folder / "kubectl") for folder in ("one", "two"))
    assert find_kubectl(f"{first.parent}:{second.parent}") == first
    assert find_kubectl(str(tmp_path)) is None


# sampan kubectl


@pytest.mark.parametrize(
    ("words", "name", "rest"),
    [
        (["--name", "two", "get", "pods"], "two", ["get", "pods"]),
        (["--name=two", "get"], "two", ["get"]),
        (["expose", "rc", "kubia", "--name", "http"], "", ["expose", "rc", "kubia", "--name", "http"]),
        (["--name"], "", ["--name"]),
    ],
)
def test_only_a_leading_name_is_ours(words: Sequence[str], name: str, rest: Sequence[str]) -> None:
    assert split_name(words) == (name, rest)


def test_flags_behind_a_double_dash_belong_to_the_pods_command() -> None:
    words = ["exec", "web", "--", "tool", "--context", "x"]
    assert flag_value(words, "--context") == ""
    assert flag_value(["--context", "y", *words], "--context") == "y"
    assert flag_value(["--context=y", *words], "--context") == "y"


ECHO = '#!/bin/sh\necho "KUBECONFIG=$KUBECONFIG $0 $*"\n'


def test_kubectl_gets_its_words_and_the_clusters_kubeconfig(home: Path, tmp_path: Path) -> None:
    cluster(home)
    cluster(home, "two")
    path = {"PATH": f"{tool(tmp_path / 'bin' / 'kubectl', ECHO).parent}:/usr/bin:/bin", "KUBECONFIG": "mine"}
    own, other = f"KUBECONFIG={home}/sampan/kubeconfig", f"KUBECONFIG={home}/two/kubeconfig"
    assert sampan("kubectl", "get", "pods", "-o", "wide", **path).stdout.startswith(own)
    assert sampan("kubectl", "get", "pods", "-o", "wide", **path).stdout.endswith("get pods -o wide\n")
    assert sampan("kubectl", "--name", "two", "get", "ns", **path).stdout.startswith(other)
    assert sampan("kubectl", "--context", "two", "get", "ns", **path).stdout.startswith(other)
    assert sampan("kubectl", "--kubeconfig", "f", "get", "ns", **path).stdout.startswith("KUBECONFIG=mine ")


def test_without_a_cluster_or_a_kubectl_it_says_what_to_do(home: Path) -> None:
    assert "sampan up --name two" in sampan("kubectl", "--name", "two", "get", "pods").stderr
    cluster(home)
    missing = sampan("kubectl", "get", "pods", PATH="/nowhere")
    assert (missing.returncode, "apt-get install" in missing.stderr) == (1, True)


def test_a_file_that_is_no_image_is_refused_in_one_line(home: Path, tmp_path: Path) -> None:
    cluster(home)
    file = tmp_path / "Dockerfile"
    file.write_text("FROM busybox\n")
    refused = sampan("image", "load", str(file))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert refused.stderr.startswith(f"sampan: {file}: no archive of an image")


@pytest.mark.parametrize(("command", "nothing"), [("delete", "nothing to delete"), ("down", "nothing to take down")])
def test_ending_what_is_not_there_advises_nothing(home: Path, command: str, nothing: str) -> None:
    cluster(home)
    refused = sampan(command, "--name", "nope")
    assert (refused.returncode, refused.stderr) == (
        1,
        f"sampan: there is no cluster nope (there is: sampan). There is {nothing}.\n",
    )


def test_the_cluster_that_is_meant(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only one, whatever it is called; of several, that of kubectl's context, else the default."""
    kubeconfig = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    assert chosen_name() == "sampan"
    cluster(home, "one")
    assert chosen_name() == "one"
    cluster(home, "two")
    assert chosen_name() == "sampan"
    for context, chosen in (("two", "two"), ("elsewhere", "sampan")):
        kubeconfig.write_text(f"current-context: {context}\n")
        assert chosen_name() == chosen
    kubeconfig.write_text("clusters: 1\ncurrent-context: two\n")
    assert chosen_name() == "sampan"


def test_commands_work_with_a_cluster_of_any_name(home: Path, tmp_path: Path) -> None:
    cluster(home, "other")
    path = {"PATH": f"{tool(tmp_path / 'bin' / 'kubectl', ECHO).parent}:/usr/bin:/bin", "KUBECONFIG": "mine"}
    assert sampan("kubectl", "get", "pods", **path).stdout.startswith(f"KUBECONFIG={home}/other/kubeconfig")
    assert sampan("image", "list", **path).returncode == 0
    assert str(home / "other") in sampan("env", **path).stdout


# sampan env


def test_env_points_a_shell_at_the_cluster(home: Path, tmp_path: Path) -> None:
    cluster(home)
    tool(tmp_path / "bin" / "kubectl", ECHO)
    path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
    script = (
        f'eval "$({sys.executable} -m sampan.cli.app env)"; ' * 2
        + 'echo "$KUBECONFIG|$PATH"; command -v kubectl; kubectl x'
    )
    done = subprocess.run(
        ["sh", "-c", script], env=os.environ | {"PATH": path}, capture_output=True, text=True, check=True
    )
    kubeconfig, folder = f"{home}/sampan/kubeconfig", f"{home}/sampan/bin"
    lines = done.stdout.splitlines()
    assert lines[:2] == [f"{kubeconfig}|{folder}:{path}", f"{folder}/kubectl"]
    assert lines[2].startswith(f"KUBECONFIG={kubeconfig} ")


def test_env_speaks_fish_and_quotes() -> None:
    assert commands("fish", "/a b/k", "/c", "/usr/bin:/c:/bin") == (
        "set -gx KUBECONFIG '/a b/k';\nset -gx PATH /c /usr/bin /bin;\n"
    )
    assert commands("sh", "/k", "", "/bin") == "export KUBECONFIG=/k\n"


# sampan logs


def test_logs_prints_the_servers_log(home: Path) -> None:
    config = cluster(home)
    assert sampan("logs").returncode == 1
    (config.directory / "server.log").write_text("one\ntwo\nthree\n")
    assert sampan("logs").stdout == "one\ntwo\nthree\n"
    assert sampan("logs", "--tail", "2").stdout == "two\nthree\n"
    assert sampan("logs", "--tail", "0").stdout == ""
    assert "has written nothing" in sampan("logs", "containerd").stderr


# sampan status


def test_status_of_a_stopped_cluster_says_how_to_start_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 1
    assert "sampan up" in capsys.readouterr().err
    cluster(home, "two")
    assert main(["status"]) == 1
    assert "two: stopped" in (text := capsys.readouterr().out)
    assert "sampan up --name two" in text


def test_status_of_a_server_that_does_not_answer(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pid(cluster(home))
    assert main(["status", "-o", "json"]) == 1
    [state] = json.loads(capsys.readouterr().out)
    assert (state["running"], state["pid"], state["ready"]) == (True, os.getpid(), False)
    assert "does not answer" in state["problem"]
    assert status.describe(state).startswith("sampan: the API server does not answer")


def answers(monkeypatch: pytest.MonkeyPatch, *ready: str) -> None:
    nodes = [
        {"metadata": {"name": f"node-{i}"}, "status": {"conditions": [{"type": "Ready", "status": word}]}}
        for i, word in enumerate(ready)
    ]
    monkeypatch.setattr(status, "_get", lambda config, path: {"items": nodes})


@pytest.mark.parametrize(("ready", "code"), [(["True"], 0), (["True", "Unknown"], 1), ([], 1)])
def test_status_is_as_good_as_its_nodes(
    home: Path, monkeypatch: pytest.MonkeyPatch, ready: list[str], code: int
) -> None:
    write_pid(cluster(home))
    answers(monkeypatch, *ready)
    assert main(["status"]) == code


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5s"), (119, "119s"), (120, "2m"), (7200, "2h"), (90000, "25h"), (172800, "2d")]
)
def test_time_spans_are_short(seconds: float, text: str) -> None:
    assert status.duration(seconds) == text


# sampan version


def test_version_names_ours_and_kubernetes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["kubernetes"].startswith("v1.")
    assert main(["version"]) == 0
    assert "sampan 0" in capsys.readouterr().out


# completion


def completed(line: str) -> list[str]:
    """What bash offers at the end of a line."""
    script = sampan("completion", "bash").stdout
    words = line.split(" ")
    place = f"COMP_WORDS=({' '.join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}"
    ask = place + '; _shtab_sampan; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_bash_completes_commands_flags_and_their_values() -> None:
    assert {"up", "down", "kubectl", "completion"} <= set(completed("sampan "))
    assert completed("sampan up --legacy") == ["--legacy-discovery"]
    assert completed("sampan up --legacy-discovery ") == ["auto", "always", "never"]
    assert completed("sampan image l") == ["load", "list"]


def test_completion_takes_the_shell_from_the_environment(home: Path) -> None:
    assert sampan("completion", SHELL="/usr/bin/zsh").stdout.startswith("#compdef sampan")
    assert (
        sampan("completion", SHELL="/usr/bin/fish").stderr
        == "sampan: name a shell:\n    sampan completion bash | zsh\n"
    )


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    cluster(home)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "sampan.cli.app", "status"], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("ready", "lost", "line"),
    [
        (0, 0, "none"),
        (2, 1, "n0 Ready, n1 Ready, l0 NotReady"),
        (5000, 0, "5000 of 5000 Ready"),
        (20, 2, "20 of 22 Ready; NotReady: l0, l1"),
        (0, 9, "0 of 9 Ready; NotReady: l0, l1, l2, l3, l4, l5, l6, l7, ..."),
    ],
)
def test_of_many_nodes_the_number_is_told(ready: int, lost: int, line: str) -> None:
    nodes = [{"name": f"n{n}", "ready": True} for n in range(ready)]
    assert status._nodes_line([*nodes, *({"name": f"l{n}", "ready": False} for n in range(lost))]) == line
