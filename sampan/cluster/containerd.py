"""containerd as a supervised child that outlives us: started, adopted, restarted, and cleared away.

It has its own root, state and socket; the system's containerd is never touched. It runs in its own session, so a
`kill -9` of Sampan leaves it and its containers alone, and the next start adopts it. When it dies, containers go on
(each has its shim) and it is started again. Called by the cluster's bring-up; the kubelet only knows the socket.
"""

import asyncio
import hashlib
import logging
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sampan.cluster import containerd_config as config
from sampan.cluster.containerd_cleanup import clear_leftovers, end_idle_shims, remove_pods
from sampan.cluster.log_files import cut, open_log
from sampan.cluster.pause import PAUSE_IMAGE, pause_archive
from sampan.cluster.private import private_directory
from sampan.cluster.processes import Process, find
from sampan.kubelet.cri import CRI, CRIError
from sampan.kubelet.mounting import unmount_below

log = logging.getLogger(__name__)

START_TIMEOUT = 30.0
HEALTH_TIMEOUT = 5.0
STOP_GRACE = 10.0
ORDERLY_REMOVAL = 30.0  # for all pods together; a containerd whose disk is full may never be done
RESTART_BACKOFF = (0.1, 5.0)  # first and longest wait, in seconds
NAMESPACE = "k8s.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerdOptions:
    """What bring-up decides."""

    cni_conf_dir: Path
    cni_bin_dir: Path = Path("/usr/lib/cni")
    registry_dir: Path  # one directory with hosts.toml per registry; may be empty
    run_dir: Path | None = None  # default: a short path below /run, because socket paths end at 107 bytes


class ContainerdError(Exception):
    """containerd can't be started or doesn't answer; the message says why, with its last words."""


class Containerd:
    """One containerd for one node."""

    def __init__(self, state_dir: Path, options: ContainerdOptions) -> None:
        self.state_dir = state_dir
        self.options = options
        self.root = state_dir / "containerd"
        self.config_file = self.root / "config.toml"
        self.log_file = self.root / "containerd.log"
        self.run_dir = options.run_dir or default_run_dir(state_dir)
        self.socket = self.run_dir / "containerd.sock"
        self._process: Process | None = None

    async def ensure_running(self) -> None:
        """Adopt the running one or start one, and see that it answers and has the pause image."""
        changed = self._write_config()
        process = self._running()
        if process and (changed or not await self._healthy()):
            log.info("replacing containerd, pid %d (config changed: %s)", process.pid, changed)
            await process.end(STOP_GRACE)
            process.close()
            process = None
        self._process = process or await self._start()
        await end_idle_shims(self.run_dir, self.socket)
        try:
            await self._ensure_pause_image()
        except (ContainerdError, CRIError) as error:
            raise ContainerdError(self._failed("takes in no image", str(error))) from error

    async def supervise(self) -> None:
        """Run until cancelled: whenever containerd ends, start it again. ensure_running comes first."""
        wait = RESTART_BACKOFF[0]
        while True:
            assert self._process is not None, "ensure_running comes before supervise"
            began = asyncio.get_running_loop().time()
            await self._process.ended()
            self._process.close()
            log.warning("containerd has ended; starting it again. Its last words:\n%s", self.last_words())
            if asyncio.get_running_loop().time() - began > RESTART_BACKOFF[1]:
                wait = RESTART_BACKOFF[0]
            self._process, wait = await self._restart(wait)

    async def stop(self, *, remove_containers: bool) -> None:
        """End containerd. With `remove_containers`, every pod, shim, mount and socket of it goes too; images stay."""
        if remove_containers:
            await self.stop_everything()
            return
        for process in self._held():
            await process.end(STOP_GRACE)
            process.close()

    async def stop_everything(self, say: Callable[[str], None] = log.info) -> None:
        """Leave nothing running or mounted: through CRI while containerd answers, by force what is left then."""
        if self.config_file.exists():
            await self._remove_pods_through_cri(say)
        for process in self._held():
            await process.end(STOP_GRACE)
            process.close()
        await clear_leftovers(self.run_dir, self.socket)
        unmount_below(self.root)
        shutil.rmtree(self.run_dir, ignore_errors=True)

    async def import_image(self, archive: Path) -> list[str]:
        """Import a docker or OCI archive; returns the names that were imported. Raises ContainerdError."""
        output = await self._ctr("images", "import", "--all-platforms", str(archive))
        return [line.split()[1] for line in output.splitlines() if line.startswith("unpacking ")]

    async def list_images(self) -> list[tuple[str, str, int]]:
        """(reference, image id, bytes) of every named image, by name."""
        cri = CRI(str(self.socket))
        try:
            return sorted((tag, image.id, image.size) for image in await cri.list_images() for tag in image.repo_tags)
        finally:
            await cri.close()

    def last_words(self) -> str:
        """The end of containerd's log."""
        if not self.log_file.exists():
            return ""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-10:])

    # Starting

    def _write_config(self) -> bool:
        """Write config.toml; whether that changed it. Raises ContainerdError for a socket path that is too long."""
        if len(os.fsencode(self.socket)) + len(".ttrpc") > 107:
            raise ContainerdError(f"the socket path {self.socket} is longer than the 107 bytes that Linux allows")
        for directory in (self.root, self.options.registry_dir):
            directory.mkdir(parents=True, exist_ok=True)
        private_directory(self.run_dir)  # its sockets give root to whoever reaches them
        before = self.config_file.read_bytes() if self.config_file.exists() else b""
        text = config.render(self._settings()).encode()
        self.config_file.write_bytes(text)
        return text != before

    def _settings(self) -> config.Settings:
        status = Path("/proc/self/status").read_text()
        return config.Settings(
            root=self.root / "root",
            run_dir=self.run_dir,
            cni_conf_dir=self.options.cni_conf_dir,
            cni_bin_dir=self.options.cni_bin_dir,
            registry_dir=self.options.registry_dir,
            sandbox_image=PAUSE_IMAGE,
            snapshotter=config.best_snapshotter(self.root),
            restrict_oom_score_adj=config.needs_restricted_oom_score(status, config.can_lower_oom_score()),
        )

    def _is_ours(self, arguments: Sequence[str]) -> bool:
        return list(arguments[1:]) == ["--config", str(self.config_file)] and arguments[0].endswith("containerd")

    def _running(self) -> Process | None:
        for pid in find(self._is_ours):
            try:
                return Process(pid, self._is_ours)
            except ProcessLookupError:  # it ended between the two looks
                continue
        return None

    def _held(self) -> list[Process]:
        if self._process is not None:
            self._process.close()
            self._process = None
        found = self._running()
        return [found] if found else []

    async def _start(self) -> Process:
        pid = self._spawn()
        try:
            process = Process(pid, lambda arguments: True)
        except ProcessLookupError as error:
            raise ContainerdError(self._failed("ended at once")) from error
        waiting = asyncio.ensure_future(process.ended())
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while not await self._answers():
                    if waiting.done():
                        raise ContainerdError(self._failed("does not start"))
                    await asyncio.wait([waiting], timeout=0.01)
        except TimeoutError as error:
            process.send(signal.SIGKILL)
            await waiting
            raise ContainerdError(self._failed(f"did not answer in {START_TIMEOUT:.0f} s")) from error
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        return process

    def _failed(self, what: str, words: str = "") -> str:
        """Why it does not start, as far as it tells, and what leads out of damage: what is mounted stays as it is."""
        kept = self.root / "root"
        return (
            f"containerd {what}:\n{words or self.last_words()}\n"
            f"If what it keeps in {kept} is damaged, have it begin anew; images are pulled again then:\n"
            f"    mv --backup=numbered -T {kept} {kept}.damaged"
        )

    def _spawn(self) -> int:
        binary = shutil.which("containerd")
        if binary is None:
            raise ContainerdError("containerd is not installed:\n    apt-get install containerd runc")
        cut(self.log_file)
        with os.fdopen(open_log(self.log_file), "ab") as output:
            child = subprocess.Popen(
                [binary, "--config", str(self.config_file)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
            )
        child.returncode = 0  # it is ours to watch through its pidfd; keep Popen from complaining that it still runs
        return child.pid

    async def _restart(self, wait: float) -> tuple[Process, float]:
        while True:
            await asyncio.sleep(wait)
            wait = min(wait * 2, RESTART_BACKOFF[1])
            try:
                return await self._start(), wait
            except ContainerdError:
                log.exception("containerd does not come back; trying again in %.1f s", wait)

    # Talking to it

    async def _answers(self) -> bool:
        """Whether something listens, and serves CRI; asked many times a second while it starts."""
        try:
            _, writer = await asyncio.open_unix_connection(str(self.socket))
        except OSError:
            return False
        writer.close()
        return await self._healthy()

    async def _healthy(self) -> bool:
        cri = CRI(str(self.socket))
        try:
            await cri.version(timeout=HEALTH_TIMEOUT)
        except CRIError:
            return False
        else:
            return True
        finally:
            await cri.close()

    async def _ensure_pause_image(self) -> None:
        cri = CRI(str(self.socket))
        try:
            if await cri.image_status(PAUSE_IMAGE) is not None:
                return
        finally:
            await cri.close()
        with tempfile.NamedTemporaryFile(dir=self.root, suffix=".tar") as file:
            file.write(pause_archive())
            file.flush()
            await self.import_image(Path(file.name))

    async def _ctr(self, *arguments: str) -> str:
        command = ["ctr", "--address", str(self.socket), "--namespace", NAMESPACE, *arguments]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
        output, errors = await process.communicate()
        if process.returncode != 0:
            raise ContainerdError(f"{' '.join(command)}: {errors.decode(errors='replace').strip()}")
        return output.decode(errors="replace")

    async def _remove_pods_through_cri(self, say: Callable[[str], None]) -> None:
        try:
            if (running := self._running()) is None:
                self._write_config()
                self._process = await self._start()
            else:
                with running:
                    running.send(signal.SIGCONT)  # whoever has stopped it is not asked
                if not await self._healthy():
                    raise ContainerdError(f"containerd does not answer in {HEALTH_TIMEOUT:.0f} s")
            async with asyncio.timeout(ORDERLY_REMOVAL):
                await remove_pods(str(self.socket), say)
        except (ContainerdError, CRIError, OSError) as error:
            say(f"the pods can't be removed in order, so their processes are killed: {error}")


def default_run_dir(state_dir: Path) -> Path:
    """A short directory that belongs to this state directory alone."""
    return Path("/run/sampan") / hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:12]
