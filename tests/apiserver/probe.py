"""An admission plugin that notes what it is asked, and does what a test tells it to."""

from collections.abc import Callable
from typing import Any

from sampan.apiserver.admission.attributes import CONNECT, CREATE, DELETE, UPDATE, Admission
from sampan.apiserver.admission.chain import Chain, Plugin
from sampan.apiserver.services import Services
from sampan.machinery.tree import deep_copy
from tests.apiserver.harness import API

Do = Callable[[Admission], Any]


class Probe:
    """`seen` are (phase, operation, a copy of the object); `mutate` and `validate` may be awaitable."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Any]] = []
        self.admissions: list[Admission] = []
        self.mutate: Do | None = None
        self.validate: Do | None = None

    async def _note(self, phase: str, do: Do | None, admission: Admission) -> None:
        self.seen.append((phase, admission.operation, deep_copy(admission.obj)))
        self.admissions.append(admission)
        if do:
            result = do(admission)
            if result is not None:
                await result

    async def on_mutate(self, services: Services, admission: Admission) -> None:
        """The first phase."""
        await self._note("mutate", self.mutate, admission)

    async def on_validate(self, services: Services, admission: Admission) -> None:
        """The second phase."""
        await self._note("validate", self.validate, admission)

    @property
    def phases(self) -> list[str]:
        """What was asked, in order."""
        return [phase for phase, _, _ in self.seen]


def probing(api: API, *resources: str) -> Probe:
    """A probe as the last plugin of a server, for some resources of any group, or all."""
    probe, chain = Probe(), api.server.services.admission
    assert isinstance(chain, Chain)
    places = frozenset(
        (kind.group, place)
        for kind in api.server.services.catalogue.kinds
        for place in resources
        if kind.plural == place.partition("/")[0]
    )
    operations = frozenset({CREATE, UPDATE, DELETE, CONNECT})
    plugin = Plugin("Probe", operations, places, mutate=probe.on_mutate, validate=probe.on_validate)
    api.server.services.admission = Chain([*chain.plugins, plugin])
    return probe
