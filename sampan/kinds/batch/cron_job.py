"""CronJob: Jobs by the clock. v1beta1 and v2alpha1 have the same fields and defaults."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sampan.kinds.batch.job_spec import JOB_SPEC_DEFAULTS, JOB_SPEC_RULES, validate_job_spec
from sampan.kinds.batch.schedule import ScheduleError, parse
from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME, NONE, since, text
from sampan.kinds.core.pod_warnings import Warnings, name_warnings, template_warnings
from sampan.kinds.core.podspec_defaults import POD_SPEC_FUNCTIONS
from sampan.kinds.prepare import fresh_status
from sampan.kinds.versions import versions
from sampan.kinds.workloads import selector_text
from sampan.machinery.defaulting import FieldDefaults
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, FieldRules, Minimum, Required
from sampan.machinery.tree import get_path
from sampan.machinery.validation import invalid, not_supported, required

_DEFINITION = "io.k8s.api.batch.v1.CronJob"
_JOB = SPEC.child("jobTemplate", "spec")
_MAX_NAME = 52  # job names add 11 characters to it, and must be labels

_DEFAULTS: FieldDefaults = {
    _DEFINITION: {"spec": {}},
    _DEFINITION + "Spec": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
        "jobTemplate": {},
    },
    "io.k8s.api.batch.v1.JobTemplateSpec": {"metadata": {}, "spec": {}},
    **JOB_SPEC_DEFAULTS,
}
_RULES: FieldRules = {
    **JOB_SPEC_RULES,
    _DEFINITION + "Spec": {
        "startingDeadlineSeconds": Minimum(0),
        "concurrencyPolicy": (Required(), Enum()),
        "successfulJobsHistoryLimit": Minimum(0),
        "failedJobsHistoryLimit": Minimum(0),
    },
}


def _validate(cron_job: Object) -> Errors:
    spec, name = cron_job["spec"], cron_job["metadata"].get("name") or ""
    if len(name) > _MAX_NAME:
        yield invalid("metadata.name", name, f"must be no more than {_MAX_NAME} characters")
    yield from _schedule(spec.get("schedule") or "")
    yield from _time_zone(spec.get("timeZone"))
    yield from _job_template(get_path(spec, ("jobTemplate", "spec"), {}))


def _schedule(schedule: str) -> Errors:
    path = SPEC.child("schedule")
    if not schedule:
        yield required(path)
    elif "TZ" in schedule:
        yield invalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
    else:
        try:
            parse(schedule)
        except ScheduleError as error:
            yield invalid(path, schedule, str(error))


def _time_zone(zone: str | None) -> Errors:
    path = SPEC.child("timeZone")
    if zone is None:
        return
    if not zone:
        yield invalid(path, zone, "must be nil or non-empty string")
    elif zone.lower() == "local":
        yield invalid(path, zone, "must be an explicit time zone as defined in https://www.iana.org/time-zones")
    else:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield invalid(path, zone, f"unknown time zone {zone}")


def _job_template(spec: Object) -> Errors:
    """The selector of each job is generated."""
    yield from validate_job_spec(spec, _JOB)
    if spec.get("selector") is not None:
        yield invalid(_JOB.child("selector"), spec["selector"], "`selector` will be auto-generated")
    if spec.get("manualSelector"):
        yield not_supported(_JOB.child("manualSelector"), True, ("nil", "false"))


def _warnings(cron_job: Object) -> Warnings:
    yield from name_warnings(cron_job, "Pod names and hostnames")
    template = get_path(cron_job, ("spec", "jobTemplate", "spec", "template"), {})
    yield from template_warnings(template, _JOB.child("template"))


def _suspended(cron_job: Object, now: datetime) -> str:
    return "True" if cron_job["spec"].get("suspend") else "False"


def _active(cron_job: Object, now: datetime) -> int:
    return len(get_path(cron_job, ("status", "active"), []))


def _last(cron_job: Object, now: datetime) -> str:
    last = get_path(cron_job, ("status", "lastScheduleTime"))
    return since(last, now) if last else NONE


def _template_field(field: str) -> Column:
    def cell(cron_job: Object, now: datetime) -> str:
        path = ("spec", "jobTemplate", "spec", "template", "spec", "containers")
        return ",".join(container.get(field, "") for container in get_path(cron_job, path, []))

    title = "Containers" if field == "name" else "Images"
    return Column(title, cell, priority=1, description=f"{title} of the jobs' pods.")


def _selector(cron_job: Object, now: datetime) -> str:
    return selector_text({"spec": get_path(cron_job, ("spec", "jobTemplate", "spec"), {})}, now)


KIND = Kind(
    name="CronJob",
    plural="cronjobs",
    versions=versions("batch", _DEFINITION, v1beta1=("1.21", "1.25"), v2alpha1=("1.8", "1.21")),
    short_names=("cj",),
    categories=("all",),
    columns=(
        NAME,
        Column("Schedule", text("spec", "schedule"), description="When it runs, in cron's words."),
        Column("Timezone", text("spec", "timeZone", default=NONE), description="Whose clock is meant."),
        Column("Suspend", _suspended, type="boolean", description="Whether it is paused."),
        Column("Active", _active, type="integer", description="How many jobs are running."),
        Column("Last Schedule", _last, description="Time since it last ran."),
        AGE,
        _template_field("name"),
        _template_field("image"),
        Column("Selector", _selector, priority=1, description="Labels of the pods."),
    ),
    prepare_create=fresh_status(),
    validate=_validate,
    warnings=_warnings,
    defaults=_DEFAULTS,
    default_functions=POD_SPEC_FUNCTIONS,
    rules=_RULES,
)
