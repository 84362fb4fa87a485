"""The admission chain: plugins in a fixed order and two phases, each asked only about what it registered for.

A plugin's `mutate` changes `admission.obj` (private to the request) before the kind's preparation and validation; its
`validate` only reads, sees the object as it will be stored, and runs right before that. Either raises to refuse, and
may await; a plain function that answers at once may be one, too. order.py has the plugins and their order.
Called by the write pipeline, which runs both phases again where a write has to be tried again.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.services import Services

Hook = Callable[[Services, Admission], Awaitable[None] | None]
_Place = tuple[str, str, str]  # operation, group, plural[/subresource]
_REMEMBERED = 4096  # places whose hooks are remembered


class Plugin(NamedTuple):
    """`resources` are (group, plural[/subresource]) places; empty means all."""

    name: str
    operations: frozenset[str]
    resources: frozenset[tuple[str, str]] = frozenset()
    mutate: Hook | None = None
    validate: Hook | None = None
    by_flag: bool = False  # whether it runs only where an administrator asks for it


class Chain:
    """The plugins of one server."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self.plugins = tuple(plugins)
        self._hooks: dict[_Place, tuple[tuple[Hook, ...], tuple[Hook, ...]]] = {}

    async def mutate(self, services: Services, admission: Admission) -> None:
        """The first phase; raises what the first plugin that refuses raises."""
        for hook in self._concerned(admission)[0]:
            if (waiting := hook(services, admission)) is not None:
                await waiting
        if admission.reinvoke and not admission.reinvoking:
            admission.reinvoking = True
            await self.mutate(services, admission)

    async def validate(self, services: Services, admission: Admission) -> None:
        """The second phase; raises likewise."""
        for hook in self._concerned(admission)[1]:
            if (waiting := hook(services, admission)) is not None:
                await waiting

    def _concerned(self, admission: Admission) -> tuple[tuple[Hook, ...], tuple[Hook, ...]]:
        kind = admission.call.served.kind
        where = f"{kind.plural}/{admission.subresource}" if admission.subresource else kind.plural
        place = (admission.operation, kind.group, where)
        found = self._hooks.get(place)
        if found is None:
            if len(self._hooks) >= _REMEMBERED:
                self._hooks.clear()
            found = self._hooks[place] = self._select(*place)
        return found

    def _select(self, operation: str, group: str, where: str) -> tuple[tuple[Hook, ...], tuple[Hook, ...]]:
        concerned = [
            plugin
            for plugin in self.plugins
            if operation in plugin.operations and (not plugin.resources or (group, where) in plugin.resources)
        ]
        mutate = tuple(plugin.mutate for plugin in concerned if plugin.mutate)
        return mutate, tuple(plugin.validate for plugin in concerned if plugin.validate)
