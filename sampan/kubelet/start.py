"""Starting one container: image, variables, mounts, create, start, postStart. Called by worker.py.

What fails is a StartError with the reason and message that the container's waiting state shows; the events are told on
the way, in upstream's words.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from sampan.kubelet.container_config import Prepared, container_config
from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.handlers import Target
from sampan.kubelet.hooks import HookFailed, hook_of, run_hook
from sampan.kubelet.images import ImageError
from sampan.kubelet.pod_env import ConfigError, EnvContext, environment, wanted
from sampan.kubelet.records import PodRuntime, Sandbox
from sampan.kubelet.resources import effective_resources
from sampan.kubelet.stop import end_container
from sampan.kubelet.volumes.content import VolumeError
from sampan.kubelet.volumes.mounts import container_mounts
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Object


class StartError(Exception):
    """The container does not run; `reason` and str() are its waiting state."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Start:
    """One attempt at one container. `image` first (it may take minutes and may be abandoned), then `run`."""

    def __init__(
        self, context: KubeletContext, pod: Object, spec: Object, runtime: PodRuntime, sandbox_config: Any
    ) -> None:
        assert runtime.sandbox is not None, "containers are started in sandboxes"
        self._context = context
        self._pod = pod  # with its addresses in status
        self._spec = spec
        self._runtime = runtime
        self._sandbox: Sandbox = runtime.sandbox
        self._sandbox_config = sandbox_config

    async def image(self) -> Any:
        """The CRI Image, pulled if need be; raises StartError."""
        names = [entry["name"] for entry in self._pod["spec"].get("imagePullSecrets") or ()]
        try:
            secrets = await self._context.sources.secrets(self._pod["metadata"]["namespace"], names)
            uid = self._pod["metadata"]["uid"]
            return await self._context.images.ensure(self._spec, uid, self._tell, secrets, self._sandbox_config)
        except ImageError as error:
            self._tell("Warning", "Failed", f"Error: {error.reason}")
            raise StartError(error.reason, str(error)) from error
        except (CRIError, APIError, OSError) as error:
            raise StartError("ImageInspectError", str(error)) from error

    async def run(self, image: Any, restart_count: int) -> str:
        """Create, start and postStart; returns the container's id. Raises StartError."""
        config = await self._config(image, restart_count)
        identity = await self._create(config)
        given = effective_resources(self._spec, self._pod["spec"].get("resources"))
        self._context.ledger.took(self._pod, self._spec["name"], given)  # before it runs and is compared
        self._tell("Normal", "Created", f"Created container: {self._spec['name']}")
        try:
            await self._context.cri.start_container(identity)
        except CRIError as error:
            self._failed(f"Error: {error.message}")
            raise StartError("RunContainerError", error.message) from error
        self._tell("Normal", "Started", f"Started container {self._spec['name']}")
        await self._post_start(identity)
        return identity

    async def _config(self, image: Any, restart_count: int) -> Any:
        try:
            env = await self._environment()
            await self._context.volumes.resolve(self._pod)
            mounts = await asyncio.to_thread(
                container_mounts,
                self._pod,
                self._spec,
                env,
                self._sandbox.ips,
                self._context.volumes,
                self._context.config,
            )
            prepared = Prepared(
                pod=self._pod,
                spec=self._spec,
                restart_count=restart_count,
                image=image,
                env=env,
                mounts=mounts,
                memory_capacity=self._context.memory_capacity,
                target=self._target(),
            )
            return container_config(prepared, self._context.config)
        except (ConfigError, VolumeError, APIError, OSError) as error:
            self._failed(f"Error: {error}")
            raise StartError("CreateContainerConfigError", str(error)) from error

    async def _environment(self) -> Mapping[str, str]:
        sources = await self._context.sources.read(self._pod["metadata"]["namespace"], wanted(self._spec))
        services = self._context.service_env(self._pod)
        return environment(self._spec, EnvContext(self._pod, sources, services, self._context.allocatable()))

    def _target(self) -> str:
        """The container into whose processes an ephemeral container looks."""
        instance = self._runtime.latest(self._spec.get("targetContainerName") or "")
        return instance.id if instance else ""

    async def _create(self, config: Any) -> str:
        try:
            identity = await self._context.cri.create_container(self._sandbox.id, config, self._sandbox_config)
        except CRIError as error:
            self._failed(f"Error: {error.message}")
            raise StartError("CreateContainerError", error.message) from error
        self._context.runtime.claim(identity, self._pod["metadata"]["uid"])
        return identity

    async def _post_start(self, identity: str) -> None:
        hook = hook_of(self._spec, "postStart")
        if hook is None:
            return
        target = Target(self._spec, identity, next(iter(self._sandbox.ips), ""))
        try:
            await run_hook(hook, target, self._context.handlers)
        except HookFailed as error:
            self._tell("Warning", "FailedPostStartHook", "PostStartHook failed")  # its words may hold secrets
            self._tell("Normal", "Killing", "FailedPostStartHook")
            await end_container(self._context, self._pod, self._spec, identity, target.pod_ip)
            raise StartError("PostStartHookError", f"PostStartHook failed: {error}") from error

    def _tell(self, type_: str, reason: str, message: str) -> None:
        self._context.tell(self._pod, type_, reason, message, self._spec["name"])

    def _failed(self, message: str) -> None:
        self._tell("Warning", "Failed", message)
