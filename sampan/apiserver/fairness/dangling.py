"""Tells of every FlowSchema whether the level that it names is there: the condition Dangling.

Runs in the server, by its own client. Rule and texts: k8s.io/apiserver/pkg/util/flowcontrol (presyncFlowSchemaStatus).
"""

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.kinds.flowcontrol.flow_schema import KIND as FLOW_SCHEMA
from sampan.kinds.flowcontrol.priority_level_configuration import KIND as PRIORITY_LEVEL
from sampan.machinery.conditions import FALSE, TRUE, find
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, format_time
from sampan.machinery.tree import get_path
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.clock import Clock
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.manager import run_together
from sampan.reconcile.metrics import ReconcileMetrics

_TYPE, _BY_LEVEL = "Dangling", "level"
_NAMES = 'This FlowSchema references the PriorityLevelConfiguration object named "{}" '


def condition(schema: Object, level_is_there: bool) -> Object:
    """What is to be said of a schema, but for the time."""
    text = _NAMES.format(_level_of(schema))
    if level_is_there:
        return {"type": _TYPE, "status": FALSE, "reason": "Found", "message": text + "and it exists"}
    return {"type": _TYPE, "status": TRUE, "reason": "NotFound", "message": text + "but there is no such object"}


class DanglingController(Controller):
    """Keys are the names of FlowSchemas."""

    name = "api-priority-and-fairness-config-consumer-v1"  # upstream's field manager

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._schemas = self.watch(FLOW_SCHEMA)
        self._schemas.add_index(_BY_LEVEL, lambda schema: (_level_of(schema),))
        self._levels = self.watch(PRIORITY_LEVEL, self._of_level, matters=lambda old, new: False)

    def _of_level(self, level: Object) -> list[Key]:
        name = level["metadata"]["name"]
        return [Key("", schema["metadata"]["name"]) for schema in self._schemas.by(_BY_LEVEL, name)]

    async def reconcile(self, key: Key) -> Action:
        schema = self._schemas.get(key)
        if schema is None:
            return WAIT
        wanted = condition(schema, self._levels.get(Key("", _level_of(schema))) is not None)
        said = find(get_path(schema, ("status", "conditions"), []), _TYPE)
        if said is None or {**said, "lastTransitionTime": ""} != {**wanted, "lastTransitionTime": ""}:
            await self._tell(key.name, {**wanted, "lastTransitionTime": format_time(self.clock.now())})
        return WAIT

    async def _tell(self, name: str, said: Object) -> None:
        version = FLOW_SCHEMA.api_version
        tree = {"apiVersion": version, "kind": FLOW_SCHEMA.name, "metadata": {"name": name}}
        try:
            await self.client.apply(
                FLOW_SCHEMA, {**tree, "status": {"conditions": [said]}}, self.name, subresource="status"
            )
        except NotFound:
            return  # deleted meanwhile


def _level_of(schema: Object) -> str:
    name: str = schema["spec"]["priorityLevelConfiguration"]["name"]
    return name


async def run_dangling(client: Client, clock: Clock) -> None:
    """Until cancelled."""
    informers = Informers(client, sleep=clock.sleep)
    controller = DanglingController(Context(client, informers, clock, ReconcileMetrics(None)))
    await run_together((controller,), informers)
