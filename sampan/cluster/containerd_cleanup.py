"""Removing what containerd made: pods in order through CRI, then by force whatever still runs or is mounted.

Called by containerd.py when a cluster goes down. Everything it kills is known by our own socket or runtime directory.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from sampan.cluster.processes import Process, find, has_children
from sampan.kubelet.cri import CRI, CRIError
from sampan.kubelet.mounting import unmount_below

log = logging.getLogger(__name__)

AT_ONCE = 16  # pods that are removed side by side
RETRIES = 3
WORD_INTERVAL = 2.0  # seconds between two words about what takes long
_BUNDLES = "state/io.containerd.runtime.v2.task"  # below the runtime directory; then namespace, then id


async def remove_pods(socket: str, say: Callable[[str], None]) -> None:
    """Stop and remove every sandbox, telling now and then how many are left: CNI releases its addresses and interfaces.

    A sandbox that resists (a kubelet that has just ended may have been removing it) is tried again, then logged and
    left to clear_leftovers. Raises CRIError when nothing can be listed.
    """
    cri = CRI(socket)
    try:
        problems = await _remove_all(cri, say)
        for _ in range(RETRIES):
            if not problems:
                return
            problems = await _remove_all(cri, say)
        for problem in problems:
            log.warning("a pod could not be removed in order: %s", problem)
    finally:
        await cri.close()


async def _remove_all(cri: CRI, say: Callable[[str], None]) -> list[CRIError]:
    """Try to remove every sandbox; what went wrong."""
    slots = asyncio.Semaphore(AT_ONCE)
    sandboxes = await cri.list_sandboxes()
    tasks = [asyncio.ensure_future(_remove(cri, sandbox.id, slots)) for sandbox in sandboxes]
    try:
        left: set[asyncio.Future[CRIError | None]] = set(tasks)
        while left:
            _, left = await asyncio.wait(left, timeout=WORD_INTERVAL)
            if left:
                say(f"{len(left)} of {len(tasks)} pods are still stopping")
    finally:
        for task in tasks:
            task.cancel()
    return [problem for task in tasks if (problem := task.result()) is not None]


async def _remove(cri: CRI, sandbox: str, slots: asyncio.Semaphore) -> CRIError | None:
    async with slots:
        try:
            await cri.stop_sandbox(sandbox)
            await cri.remove_sandbox(sandbox)
        except CRIError as error:
            return None if error.code == "NotFound" else error
        return None


async def clear_leftovers(run_dir: Path, socket: Path) -> None:
    """Kill shims and containers that are left, and undo their mounts."""
    await _kill_shims(socket)
    for identity, root in _runc_containers(run_dir):
        await _delete_runc_container(identity, root)
    _remove_shim_sockets(run_dir)
    unmount_below(run_dir)


async def end_idle_shims(run_dir: Path, socket: Path) -> None:
    """End shims that containerd has forgotten: it does (1.6) when who asked for a sandbox dies while one starts.

    Such a shim has neither a bundle nor a process. One without a bundle may still serve a pod whose sandbox has died.
    """
    bundles = run_dir / _BUNDLES / "k8s.io"

    def is_idle(arguments: Sequence[str]) -> bool:
        identity = arguments[arguments.index("-id") + 1] if "-id" in arguments[:-1] else ""
        return _serves(socket, arguments) and bool(identity) and not (bundles / identity).exists()

    await _end([pid for pid in find(is_idle) if not has_children(pid)], is_idle)


async def _kill_shims(socket: Path) -> None:
    def serves_us(arguments: Sequence[str]) -> bool:
        return _serves(socket, arguments)

    await _end(find(serves_us), serves_us)


def _serves(socket: Path, arguments: Sequence[str]) -> bool:
    """Whether these are a shim's of ours: it is told containerd's address."""
    return "containerd-shim" in "".join(arguments[:1]) and str(socket) in arguments


async def _end(pids: Sequence[int], match: Callable[[Sequence[str]], bool]) -> None:
    for pid in pids:
        try:
            process = Process(pid, match)
        except ProcessLookupError:
            continue
        with process:
            await process.end(grace=2.0)


def _runc_containers(run_dir: Path) -> list[tuple[str, Path]]:
    """(container, runc's root directory) of all that runc knows; `Root` of containerd_config.py, then the namespace."""
    states = run_dir.glob("runc/*/*/state.json")
    return [(json.loads(state.read_text())["id"], state.parent.parent) for state in states]


async def _delete_runc_container(identity: str, root: Path) -> None:
    command = ["runc", "--root", str(root), "delete", "--force", identity]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    if process.returncode:
        log.warning("runc delete %s: %s", identity, errors.decode(errors="replace").strip())


def _remove_shim_sockets(run_dir: Path) -> None:
    """A shim that was killed leaves its socket, which is in a directory that all containerds share."""
    for address in run_dir.glob(f"{_BUNDLES}/*/*/address"):
        Path(address.read_text().removeprefix("unix://")).unlink(missing_ok=True)
