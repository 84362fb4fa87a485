"""The Container Runtime Interface over gRPC: one small method per call that the kubelet makes.

Not here: what the answers mean (runtime.py) or when to call (worker.py). Used by kubelet/ and by
cluster/containerd.py. The API is k8s.io/cri-api runtime/v1; messages come from cri.proto.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import grpc.aio
import orjson

from sampan.kubelet import cri_pb2 as pb

_RUNTIME = (
    "Version Status UpdateRuntimeConfig RunPodSandbox StopPodSandbox RemovePodSandbox PodSandboxStatus ListPodSandbox "
    "CreateContainer StartContainer StopContainer RemoveContainer ListContainers ContainerStatus "
    "UpdateContainerResources ReopenContainerLog CheckpointContainer ExecSync Exec Attach PortForward "
    "ListContainerStats"
)
_IMAGE = "ListImages ImageStatus PullImage RemoveImage ImageFsInfo"
_RUNTIME_SERVICE, _IMAGE_SERVICE = "runtime.v1.RuntimeService", "runtime.v1.ImageService"
SERVICE_OF = dict.fromkeys(_RUNTIME.split(), _RUNTIME_SERVICE) | dict.fromkeys(_IMAGE.split(), _IMAGE_SERVICE)

MAX_MESSAGE = 16 * 1024 * 1024  # containerd's own limit
CALL_TIMEOUT = 120.0  # upstream's --runtime-request-timeout is 2 minutes
_LONGEST_GRACE = 10 * 365 * 86_400  # seconds; longer ones overflow gRPC's deadlines and Go's durations
EXEC_MARGIN = 2.0  # how long the runtime may take to report that a command timed out


class CRIError(Exception):
    """The runtime answered with a failure. The text is that of Go's gRPC status, which users know from events."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"rpc error: code = {code} desc = {message}")
        self.code = code  # "NotFound", "Unknown", "DeadlineExceeded", ...
        self.message = message


class CRI:
    """A connection to a runtime's socket. Every method raises CRIError."""

    def __init__(self, socket: str) -> None:
        limits = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
        # Without a local pool, channels to two sockets in one process would share a poller and each other's back-off.
        limits += [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 100)]
        limits += [("grpc.min_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
        self.channel = grpc.aio.insecure_channel(f"unix:{socket}", options=limits)
        self._calls = {method: _unary(self.channel, service, method) for method, service in SERVICE_OF.items()}

    async def close(self) -> None:
        """Close the connection."""
        await self.channel.close()

    async def _call(self, method: str, *, within: float | None = CALL_TIMEOUT, **fields: Any) -> Any:
        request = getattr(pb, f"{method}Request")(**fields)
        try:
            return await self._calls[method](request, timeout=within)
        except grpc.aio.AioRpcError as error:
            raise CRIError(_go_name(error.code()), error.details() or "") from error

    # The runtime

    async def version(self, timeout: float = CALL_TIMEOUT) -> Any:
        """VersionResponse; the cheapest call, so also the health check."""
        return await self._call("Version", within=timeout)

    async def conditions(self) -> Mapping[str, tuple[bool, str, str]]:
        """RuntimeReady and NetworkReady: (status, reason, message)."""
        answer = await self._call("Status")
        return {c.type: (c.status, c.reason, c.message) for c in answer.status.conditions}

    async def run_sandbox(self, config: Any, runtime_handler: str = "") -> str:
        """Create and start a sandbox with its network; returns its id."""
        answer = await self._call("RunPodSandbox", config=config, runtime_handler=runtime_handler, within=240.0)
        return str(answer.pod_sandbox_id)

    async def stop_sandbox(self, sandbox: str) -> None:
        """Kill what runs in it and release its network; idempotent."""
        await self._call("StopPodSandbox", pod_sandbox_id=sandbox)

    async def remove_sandbox(self, sandbox: str) -> None:
        """Remove it and its containers; idempotent."""
        await self._call("RemovePodSandbox", pod_sandbox_id=sandbox)

    async def sandbox_status(self, sandbox: str) -> Any:
        """PodSandboxStatus, with the addresses."""
        return (await self._call("PodSandboxStatus", pod_sandbox_id=sandbox)).status

    async def list_sandboxes(self, labels: Mapping[str, str] | None = None) -> Sequence[Any]:
        """PodSandbox messages with these labels."""
        listed = await self._call("ListPodSandbox", filter=pb.PodSandboxFilter(label_selector=labels or {}))
        return list(listed.items)

    # Containers

    async def create_container(self, sandbox: str, config: Any, sandbox_config: Any) -> str:
        """Create, not start; returns the id."""
        answer = await self._call(
            "CreateContainer", pod_sandbox_id=sandbox, config=config, sandbox_config=sandbox_config
        )
        return str(answer.container_id)

    async def start_container(self, container: str) -> None:
        """Start what was created."""
        await self._call("StartContainer", container_id=container)

    async def stop_container(self, container: str, grace: int) -> None:
        """TERM (or the image's stop signal), KILL after `grace` seconds; returns when it has ended; idempotent."""
        grace = min(grace, _LONGEST_GRACE)
        await self._call("StopContainer", container_id=container, timeout=grace, within=grace + CALL_TIMEOUT)

    async def remove_container(self, container: str) -> None:
        """Remove a container, by force if it runs; idempotent. Its log stays."""
        await self._call("RemoveContainer", container_id=container)

    async def container_status(self, container: str) -> Any:
        """ContainerStatus."""
        return (await self._call("ContainerStatus", container_id=container)).status

    async def container_pid(self, container: str) -> int:
        """The first process of a running container; 0 where the runtime does not tell."""
        answer = await self._call("ContainerStatus", container_id=container, verbose=True)
        return int(orjson.loads(answer.info.get("info", "{}")).get("pid") or 0)

    async def list_containers(self, labels: Mapping[str, str] | None = None) -> Sequence[Any]:
        """Container messages with these labels."""
        listed = await self._call("ListContainers", filter=pb.ContainerFilter(label_selector=labels or {}))
        return list(listed.containers)

    async def update_container(self, container: str, resources: Any) -> None:
        """Give a container that runs other resources; what is 0 in them stays as it is."""
        await self._call("UpdateContainerResources", container_id=container, linux=resources)

    async def reopen_log(self, container: str) -> None:
        """Open the log file anew, after it was renamed."""
        await self._call("ReopenContainerLog", container_id=container)

    async def checkpoint_container(self, container: str, location: str, timeout: int) -> None:
        """Write a container's state to a file; 0 leaves the time to the runtime, of which few can do this."""
        within = (timeout or CALL_TIMEOUT) + EXEC_MARGIN
        await self._call(
            "CheckpointContainer", container_id=container, location=location, timeout=timeout, within=within
        )

    async def container_stats(self) -> Sequence[Any]:
        """ContainerStats of all running containers."""
        return list((await self._call("ListContainerStats")).stats)

    # Commands and streams

    async def exec_sync(self, container: str, command: Sequence[str], timeout: float) -> tuple[int, bytes, bytes]:
        """Run a command; exit code, stdout, stderr. Raises CRIError DeadlineExceeded after `timeout` seconds."""
        whole = max(1, round(timeout))  # CRI counts whole seconds; 0 would mean for ever
        answer = await self._call(
            "ExecSync", container_id=container, cmd=command, timeout=whole, within=whole + EXEC_MARGIN
        )
        return answer.exit_code, answer.stdout, answer.stderr

    async def exec_url(self, container: str, command: Sequence[str], streams: Mapping[str, bool]) -> str:
        """Where to stream a command's stdin, stdout, stderr, tty."""
        return str((await self._call("Exec", container_id=container, cmd=command, **streams)).url)

    async def attach_url(self, container: str, streams: Mapping[str, bool]) -> str:
        """Where to stream the main process's stdin, stdout, stderr, tty."""
        return str((await self._call("Attach", container_id=container, **streams)).url)

    async def port_forward_url(self, sandbox: str, ports: Sequence[int]) -> str:
        """Where to stream connections to the sandbox's ports; WebSocket clients need them named beforehand."""
        return str((await self._call("PortForward", pod_sandbox_id=sandbox, port=ports)).url)

    # Images

    async def image_status(self, image: str) -> Any | None:
        """The Image, or None if it isn't on the node."""
        answer = await self._call("ImageStatus", image=pb.ImageSpec(image=image))
        return answer.image if answer.HasField("image") else None

    async def pull_image(self, image: str, auth: Any | None, sandbox_config: Any | None) -> str:
        """Pull; returns the image's reference. Takes as long as it takes."""
        spec = pb.ImageSpec(image=image)
        answer = await self._call("PullImage", image=spec, auth=auth, sandbox_config=sandbox_config, within=None)
        return str(answer.image_ref)

    async def list_images(self) -> Sequence[Any]:
        """All Image messages."""
        return list((await self._call("ListImages")).images)

    async def remove_image(self, image: str) -> None:
        """Remove an image and all its names; idempotent."""
        await self._call("RemoveImage", image=pb.ImageSpec(image=image))

    async def image_filesystems(self) -> Sequence[Any]:
        """FilesystemUsage of where images are kept."""
        return list((await self._call("ImageFsInfo")).image_filesystems)


def _unary(channel: grpc.aio.Channel, service: str, method: str) -> Any:
    return channel.unary_unary(
        f"/{service}/{method}",
        request_serializer=getattr(pb, f"{method}Request").SerializeToString,
        response_deserializer=getattr(pb, f"{method}Response").FromString,
    )


def _go_name(code: grpc.StatusCode) -> str:
    """Go's name of a gRPC code: DEADLINE_EXCEEDED -> DeadlineExceeded; CANCELLED is Canceled there."""
    if code is grpc.StatusCode.CANCELLED:
        return "Canceled"
    return "OK" if code is grpc.StatusCode.OK else "".join(part.capitalize() for part in code.name.split("_"))
