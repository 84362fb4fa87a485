"""Event: what happened to an object. core/v1 and events.k8s.io are two views of one store, with rules of their own.

The conversion renames fields, no more; what core/v1 leaves optional, events.k8s.io demands (KEP-383).
"""

from collections.abc import Callable
from datetime import datetime

from sampan.kinds.checks import Errors, required_name, unchanged
from sampan.kinds.columns import name, since, text
from sampan.machinery.defaulting import FieldDefaults
from sampan.machinery.kind import Column, Conversion, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import invalid, qualified_name, required

_CORE, _EVENTS = "io.k8s.api.core.v1.Event", "io.k8s.api.events.v1.Event"
_TO_CORE = {
    "note": "message",
    "regarding": "involvedObject",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_FROM_CORE = {core: events for events, core in _TO_CORE.items()}
_NAME_LIMIT, _MESSAGE_LIMIT = 128, 1024
_FIXED = (
    *("involvedObject", "reason", "reportingComponent", "reportingInstance", "action", "related", "message", "type"),
    *("source", "firstTimestamp", "lastTimestamp", "count", "eventTime"),
)

_DEFAULTS: FieldDefaults = {
    _CORE: {"involvedObject": {}, "source": {}, "reportingComponent": "", "reportingInstance": ""},
    _EVENTS: {"deprecatedSource": {}},
}


def _renaming(names: dict[str, str]) -> Callable[[Object], Object]:
    return lambda event: {names.get(field, field): value for field, value in event.items()}


_CONVERSION = Conversion(_renaming(_TO_CORE), _renaming(_FROM_CORE))


def _validate(event: Object) -> Errors:
    """Events are where their object is; those of cluster-scoped objects are in "default"."""
    namespace = event["metadata"].get("namespace") or ""
    about = get_path(event, ("involvedObject", "namespace"), "")
    if event.get("eventTime"):
        agree = about or namespace in ("default", "kube-system")
    else:
        agree = namespace == about if about else namespace in ("", "default")
    if not agree:
        yield invalid("involvedObject.namespace", about, "does not match event.namespace")


def _validate_core(event: Object) -> Errors:
    return _recorder_fields(event, "reportingComponent")


def _recorder_fields(event: Object, component_field: str) -> Errors:
    """What an event with an eventTime, hence from a current recorder, must say."""
    if not event.get("eventTime"):
        return
    yield from required_name(component_field, event.get("reportingComponent"), qualified_name)
    for field in ("reportingInstance", "action", "reason"):
        value = event.get(field) or ""
        if not value:
            yield required(field)
        if len(value) > _NAME_LIMIT:
            yield invalid(field, "", f"can have at most {_NAME_LIMIT} characters")
    if len(event.get("message") or "") > _MESSAGE_LIMIT:
        yield invalid("message", "", f"can have at most {_MESSAGE_LIMIT} characters")


def _validate_events(event: Object) -> Errors:
    """What events.k8s.io demands besides; of new events only, because it serves those that core/v1 made, too."""
    yield from _recorder_fields(event, "reportingController")
    if (series := event.get("series")) is not None:
        if series.get("count", 0) < 2:
            yield invalid("series.count", "", "should be at least 2")
        if not series.get("lastObservedTime"):
            yield required("series.lastObservedTime")
    if not event["metadata"].get("resourceVersion"):
        yield from _validate_new(event)


def _validate_new(event: Object) -> Errors:
    if not event.get("eventTime"):
        yield required("eventTime")
    if event.get("type") not in ("Normal", "Warning"):
        yield invalid("type", "", f"has invalid value: {event.get('type') or ''}")
    for field in ("firstTimestamp", "lastTimestamp", "count", "source"):
        if event.get(field):
            yield invalid(field, "", "needs to be unset")


def _validate_events_update(new: Object, old: Object) -> Errors:
    """Only the series may change."""
    for field in _FIXED:
        yield from unchanged(field, new.get(field), old.get(field))


def _first_seen(event: Object, now: datetime) -> str:
    return since(event.get("firstTimestamp") or event.get("eventTime"), now)


def _last_seen(event: Object, now: datetime) -> str:
    if event.get("series") is not None:
        return since(get_path(event, ("series", "lastObservedTime")), now)
    last = event.get("lastTimestamp")
    return since(last, now) if last else _first_seen(event, now)


def _object(event: Object, now: datetime) -> str:
    about = event.get("involvedObject") or {}
    kind = (about.get("kind") or "").lower()
    return f"{kind}/{about['name']}" if about.get("name") else kind


def _source(event: Object, now: datetime) -> str:
    component, instance = get_path(event, ("source", "component"), ""), get_path(event, ("source", "host"), "")
    component = component or event.get("reportingComponent") or ""
    instance = instance or event.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


def _count(event: Object, now: datetime) -> int:
    return int(get_path(event, ("series", "count"), 0) or event.get("count") or 1)


def _message(event: Object, now: datetime) -> str:
    return (event.get("message") or "").strip()


def _selectable() -> dict[str, Callable[[Object], str]]:
    """involvedObject.*, and the same by the names of events.k8s.io."""
    fields: dict[str, Callable[[Object], str]] = {
        "reason": lambda event: event.get("reason") or "",
        "type": lambda event: event.get("type") or "",
        "reportingComponent": lambda event: event.get("reportingComponent") or "",
        "reportingController": lambda event: event.get("reportingComponent") or "",
        "source": lambda event: get_path(event, ("source", "component"), "") or event.get("reportingComponent") or "",
    }
    for field in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"):
        getter = _about(field)
        fields[f"involvedObject.{field}"] = fields[f"regarding.{field}"] = getter
    return fields


def _about(field: str) -> Callable[[Object], str]:
    return lambda event: str(get_path(event, ("involvedObject", field), ""))


KIND = Kind(
    name="Event",
    plural="events",
    versions=(
        ServedVersion("", "v1", _CORE, validate=_validate_core),
        ServedVersion(
            "events.k8s.io",
            "v1",
            _EVENTS,
            convert=_CONVERSION,
            validate=_validate_events,
            validate_update=_validate_events_update,
        ),
        ServedVersion(
            "events.k8s.io",
            "v1beta1",
            _EVENTS,
            convert=_CONVERSION,
            deprecated="1.22",
            removed="1.25",
            replacement="events.k8s.io/v1 Event",
        ),
    ),
    short_names=("ev",),
    columns=(
        Column("Last Seen", _last_seen, description="Time since it last happened."),
        Column("Type", text("type"), description="Normal or Warning."),
        Column("Reason", text("reason"), description="Why, in one word."),
        Column("Object", _object, description="The object that it happened to."),
        Column("Subobject", text("involvedObject", "fieldPath"), priority=1, description="The part of that object."),
        Column("Source", _source, priority=1, description="Who reports it."),
        Column("Message", _message, description="What happened."),
        Column("First Seen", _first_seen, priority=1, description="Time since it first happened."),
        Column("Count", _count, type="integer", priority=1, description="How often it happened."),
        Column("Name", name, format="name", priority=1, description="Name of the event itself."),
    ),
    validate=_validate,
    selectable_fields=_selectable(),
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
    defaults=_DEFAULTS,
)
