"""containerd as a supervised child: its configuration, its adoption, its return, and that nothing stays behind."""

import asyncio
import os
import signal
import subprocess
import tempfile
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from sampan.cluster import containerd_cleanup
from sampan.cluster.containerd import Containerd, ContainerdError, ContainerdOptions, default_run_dir
from sampan.cluster.containerd_cleanup import end_idle_shims
from sampan.cluster.containerd_config import Settings, needs_restricted_oom_score, render
from sampan.cluster.oci import File, archive, layer
from sampan.cluster.pause import PAUSE_IMAGE, UnsupportedArchitecture, pause_archive, pause_program
from sampan.cluster.processes import Process, arguments, find
from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.cri import CRI

SETTINGS = Settings(
    root=Path("/s/root"),
    run_dir=Path("/r"),
    cni_conf_dir=Path("/c"),
    cni_bin_dir=Path("/b"),
    registry_dir=Path("/g"),
    sandbox_image="pause:1",
    snapshotter="native",
    restrict_oom_score_adj=True,
)


def test_the_configuration_says_what_was_decided() -> None:
    found = tomllib.loads(render(SETTINGS))
    cri = found["plugins"]["io.containerd.grpc.v1.cri"]
    assert (found["version"], found["root"], found["state"]) == (2, "/s/root", "/r/state")
    assert found["grpc"]["address"] == "/r/containerd.sock"
    assert (cri["sandbox_image"], cri["restrict_oom_score_adj"]) == ("pause:1", True)
    assert (cri["stream_server_address"], cri["stream_server_port"]) == ("127.0.0.1", "0")
    assert cri["cni"] == {"bin_dir": "/b", "conf_dir": "/c"}
    assert cri["registry"] == {"config_path": "/g"}
    assert cri["containerd"]["snapshotter"] == "native"
    assert cri["containerd"]["runtimes"]["runc"]["options"] == {"Root": "/r/runc", "SystemdCgroup": False}


@pytest.mark.parametrize(
    ("capabilities", "can_lower", "restricted"),
    [("000001ffffffffff", True, False), ("000001fffeffffff", True, True), ("000001ffffffffff", False, True)],
)
def test_oom_scores_are_restricted_where_they_have_to_be(capabilities: str, can_lower: bool, restricted: bool) -> None:
    assert needs_restricted_oom_score(f"Name: x\nCapEff:\t{capabilities}\n", can_lower) is restricted


def test_the_pause_program_waits_and_ends_on_a_signal(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(pause_program())
    program.chmod(0o755)
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen([program]) as process:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.05)
            process.send_signal(signal.SIGCHLD)
            process.send_signal(number)
            assert process.wait(5) == 0


def test_archives_are_the_same_every_time() -> None:
    assert pause_archive() == pause_archive()
    assert layer({"b": File(b"1"), "a": File(b"2")}) == layer({"a": File(b"2"), "b": File(b"1")})
    assert archive("a:1", [], {}) != archive("a:2", [], {})


def sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "86399.25"])


async def test_a_process_is_known_by_its_arguments() -> None:
    with sleeper() as child:
        try:

            async def has_begun() -> bool:  # its arguments appear a moment after exec has succeeded
                return find(lambda words: list(words) == ["sleep", "86399.25"]) == [child.pid]

            await until(has_begun)
            with pytest.raises(ProcessLookupError):
                Process(child.pid, lambda words: "other" in words)
            with Process(child.pid, lambda words: "86399.25" in words) as process:
                await process.end(grace=5)
            assert arguments(child.pid) == []
        finally:
            child.kill()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


async def test_only_shims_that_serve_nothing_are_ended(tmp_path: Path) -> None:
    socket = tmp_path / "containerd.sock"
    (tmp_path / "state/io.containerd.runtime.v2.task/k8s.io/in-use").mkdir(parents=True)

    def shim(identity: str, script: str = "echo; read x") -> "subprocess.Popen[bytes]":
        words = ["containerd-shim-runc-v2", "-c", script, "-id", identity, "-address", str(socket)]
        process = subprocess.Popen(words, executable="/bin/sh", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()  # it runs
        return process

    # the third has no bundle but a container: one whose sandbox has died
    with (
        shim("in-use") as used,
        shim("forgotten") as forgotten,
        shim("busy", "exec 3<&0; cat <&3 & echo; wait") as busy,
    ):
        try:
            await end_idle_shims(tmp_path, socket)
            assert forgotten.poll() is not None
            assert (used.poll(), busy.poll()) == (None, None)
        finally:
            for process in (used, busy):
                process.kill()


class SlowCRI:
    """Sandboxes that stop when they are told to."""

    def __init__(self, count: int) -> None:
        self.stop, self.left = asyncio.Event(), [str(number) for number in range(count)]

    async def list_sandboxes(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(id=identity) for identity in self.left]

    async def stop_sandbox(self, sandbox: str) -> None:
        if sandbox != "0":
            await self.stop.wait()

    async def remove_sandbox(self, sandbox: str) -> None:
        self.left.remove(sandbox)


async def test_removing_pods_that_take_long_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containerd_cleanup, "WORD_INTERVAL", 0.01)
    cri, said = SlowCRI(3), list[str]()

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 3:
            cri.stop.set()

    assert await containerd_cleanup._remove_all(cri, say) == []  # type: ignore[arg-type]
    assert (said[0], cri.left) == ("2 of 3 pods are still stopping", [])


@pytest.fixture
async def containerd() -> AsyncIterator[Containerd]:
    directory = Path(tempfile.mkdtemp(prefix="sampan-test-"))
    options = ContainerdOptions(cni_conf_dir=directory / "net.d", registry_dir=directory / "registries")
    found = Containerd(directory / "state", options)
    try:
        await found.ensure_running()
        yield found
    finally:
        await found.stop(remove_containers=True)
        subprocess.run(["rm", "-rf", directory], check=True)  # noqa: ASYNC221


def ours(containerd: Containerd) -> Callable[[Sequence[str]], bool]:
    """Processes that have a path of this containerd among their arguments."""
    return lambda words: any(str(containerd.run_dir) in word or str(containerd.state_dir) in word for word in words)


async def sandbox(containerd: Containerd) -> str:
    """A sandbox on the host's network: no CNI needed."""
    cri = CRI(str(containerd.socket))
    security = pb.LinuxSandboxSecurityContext(namespace_options=pb.NamespaceOption(network=pb.NODE))
    config = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name="p", uid="u", namespace="n"),
        linux=pb.LinuxPodSandboxConfig(security_context=security),
    )
    try:
        return await cri.run_sandbox(config)
    finally:
        await cri.close()


async def ready_sandboxes(containerd: Containerd) -> list[str]:
    cri = CRI(str(containerd.socket))
    try:
        return [item.id for item in await cri.list_sandboxes() if item.state == pb.SANDBOX_READY]
    finally:
        await cri.close()


def pause_pid(containerd: Containerd, identity: str) -> int:
    """The process that holds a sandbox."""
    bundle = containerd.run_dir / "state/io.containerd.runtime.v2.task/k8s.io" / identity
    return int((bundle / "init.pid").read_text())


def is_running(pid: int) -> bool:
    return arguments(pid) == ["/pause"]


def main_pid(containerd: Containerd) -> int:
    (pid,) = find(lambda words: list(words[1:]) == ["--config", str(containerd.config_file)])
    return pid


@pytest.mark.node
@needs_root
async def test_the_pause_image_is_there_and_another_start_adopts(containerd: Containerd) -> None:
    assert PAUSE_IMAGE in [name for name, _, _ in await containerd.list_images()]
    pid = main_pid(containerd)
    again = Containerd(containerd.state_dir, containerd.options)
    await again.ensure_running()
    assert main_pid(containerd) == pid


@pytest.mark.node
@needs_root
async def test_it_comes_back_and_containers_never_left(containerd: Containerd) -> None:
    identity = await sandbox(containerd)
    supervising = asyncio.ensure_future(containerd.supervise())
    before = main_pid(containerd)
    os.kill(before, signal.SIGKILL)

    async def returned() -> bool:
        pids = find(lambda words: list(words[1:]) == ["--config", str(containerd.config_file)])
        return bool(pids) and pids != [before] and await containerd._healthy()

    await until(returned)
    assert await ready_sandboxes(containerd) == [identity]
    supervising.cancel()


@pytest.mark.node
@needs_root
@pytest.mark.parametrize("killed", ["nothing", "containerd", "everything"])
async def test_stopping_leaves_nothing(containerd: Containerd, killed: str) -> None:
    pause = pause_pid(containerd, await sandbox(containerd))

    async def has_begun() -> bool:  # runc answers a moment before its child has become the container's program
        return is_running(pause)

    await until(has_begun)
    if killed != "nothing":
        os.kill(main_pid(containerd), signal.SIGKILL)
    if killed == "everything":
        for pid in find(ours(containerd)):
            os.kill(pid, signal.SIGKILL)
    await containerd.stop(remove_containers=True)
    assert find(ours(containerd)) == []
    assert str(containerd.run_dir) not in Path("/proc/self/mountinfo").read_text()  # noqa: ASYNC240
    assert not containerd.run_dir.exists()
    assert not is_running(pause)


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(300):
        if await check():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")


def test_a_socket_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    options = ContainerdOptions(cni_conf_dir=tmp_path, registry_dir=tmp_path, run_dir=tmp_path / ("x" * 100))
    with pytest.raises(ContainerdError, match="longer than the 107 bytes"):
        asyncio.run(Containerd(tmp_path, options).ensure_running())


def test_the_default_run_directory_is_short_and_its_own(tmp_path: Path) -> None:
    first, second = default_run_dir(tmp_path / "a"), default_run_dir(tmp_path / "b")
    assert first != second and len(str(first)) < 40


def test_both_architectures_have_a_program() -> None:
    for machine, number in (("x86_64", 62), ("aarch64", 183)):
        program = pause_program(machine)
        assert program[:4] == b"\x7fELF" and int.from_bytes(program[18:20], "little") == number
    with pytest.raises(UnsupportedArchitecture):
        pause_program("vax")
