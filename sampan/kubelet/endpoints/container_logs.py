"""containerLogs: what a container has written, and what it goes on to write."""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qsl

from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.endpoints.answers import NOT_FOUND, TEXT, HTTPError
from sampan.kubelet.endpoints.finding import Pods, find_pod
from sampan.kubelet.log_access import LogUnavailable, find_log
from sampan.kubelet.logs import parse_options, read_log
from sampan.kubelet.podspec import uid_of
from sampan.kubelet.records import Container
from sampan.transport.messages import Reply, Request, StreamResponse


class ContainerLogs:
    """The endpoint of one kubelet."""

    def __init__(self, context: KubeletContext, pods: Pods) -> None:
        self._context, self._pods = context, pods

    async def serve(self, request: Request, rest: Sequence[str]) -> Reply:
        """/containerLogs/namespace/pod/container; raises HTTPError, CRIError."""
        if len(rest) != 3:
            raise HTTPError(404, NOT_FOUND)
        try:
            options = parse_options(dict(parse_qsl(request.raw_query)), self._context.clock.now())
        except ValueError as error:
            raise HTTPError(400, str(error)) from error
        namespace, name, container_name = rest
        pod = find_pod(self._pods, namespace, name, f'pod "{name}" does not exist')
        runtime = await self._context.runtime.pod(uid_of(pod))
        try:
            container, path = find_log(pod, container_name, runtime, options.previous)
        except LogUnavailable as error:
            raise HTTPError(error.status, str(error)) from error
        return StreamResponse(200, read_log(path, options, self._alive(container)), TEXT)

    def _alive(self, container: Container) -> Callable[[], Awaitable[bool]]:
        """Whether a container may still write."""

        async def alive() -> bool:
            try:
                status = await self._context.cri.container_status(container.id)
            except CRIError:
                return False
            return bool(status.state == pb.CONTAINER_RUNNING)

        return alive
