"""From a node to a binding: what plugins set aside, wait for and make ready, in their order, and undo where it fails.

The scheduling framework's binding cycle (KEP-624), but for the binding itself, which effects.py writes. Called by
app.py.
"""

from sampan.machinery.errors import APIError
from sampan.scheduler.framework import Permit, PreBind, Rejected, Reserve
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.profile import Profile


class BindingCycle:
    """Of the pods of one profile. Failures are Rejected, with upstream's text."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def reserve(self, pod: PodInfo, node: NodeInfo) -> None:
        """Ask every plugin; where one refuses, none keeps anything."""
        for plugin in self._profile.reserves:
            try:
                plugin.reserve(pod, node)
            except Rejected as error:
                self.undo(pod)
                raise _failed("Reserve", plugin, error) from error

    def is_quick(self, pod: PodInfo) -> bool:
        """Whether there is nothing to be waited for."""
        return not any(p.permits(pod) for p in self._profile.permits) and not any(
            p.prepares(pod) for p in self._profile.pre_binds
        )

    async def make_ready(self, pod: PodInfo, node: str) -> None:
        """Wait for what has to be before the pod may be bound."""
        for permit in self._profile.permits:
            if permit.permits(pod):
                try:
                    await permit.permit(pod, node)
                except Rejected as error:
                    raise _failed("Permit", permit, error) from error
        for pre_bind in self._profile.pre_binds:
            if pre_bind.prepares(pod):
                try:
                    await pre_bind.pre_bind(pod, node)
                except (Rejected, APIError, OSError) as error:
                    raise _failed("PreBind", pre_bind, error) from error

    def done(self, pod: PodInfo, node: str) -> None:
        """The pod is bound."""
        for plugin in self._profile.post_binds:
            plugin.post_bind(pod, node)

    def undo(self, pod: PodInfo) -> None:
        """Give back what has been set aside."""
        for plugin in reversed(self._profile.reserves):
            plugin.unreserve(pod)


def _failed(point: str, plugin: Reserve | Permit | PreBind, error: Exception) -> Rejected:
    return Rejected(f'running {point} plugin "{plugin.name}": {error}')
