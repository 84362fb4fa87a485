"""Job and CronJob: generated selectors, defaults, rules, schedules, columns."""

import re

import pytest

from sampan.kinds.batch.schedule import ScheduleError, parse
from tests.kinds.write import cells, changed, create_errors, created, pod, served, update_errors

UID, NAME = "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"


def job(*, restart="OnFailure", **spec):
    template = {"metadata": {"labels": {"app": "batch"}}, "spec": {**pod()["spec"], "restartPolicy": restart}}
    meta = {"name": "batch-job", "uid": "u-1"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": template, **spec}}


def cron_job(version="v1", **spec):
    meta = {"name": "cron"}
    body = {"schedule": "0,15,30,45 * * * *", "jobTemplate": {"spec": job()["spec"]}, **spec}
    return {"apiVersion": f"batch/{version}", "kind": "CronJob", "metadata": meta, "spec": body}


def test_a_job_selects_by_its_own_uid():
    made = created(job())
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels == {
        "app": "batch",
        UID: "u-1",
        "controller-uid": "u-1",
        NAME: "batch-job",
        "job-name": "batch-job",
    }
    assert made["spec"]["selector"] == {"matchLabels": {UID: "u-1"}}
    assert made["metadata"]["labels"] == {"app": "batch"}
    assert create_errors(job()) == []


def test_a_job_may_select_by_hand():
    manifest = job(manualSelector=True, selector={"matchLabels": {"app": "batch"}})
    assert created(manifest)["spec"]["selector"] == {"matchLabels": {"app": "batch"}}
    assert create_errors(manifest) == []
    assert create_errors(job(manualSelector=True)) == [
        "spec.selector: Required value",
        'spec.template.metadata.labels: Invalid value: {"app":"batch"}: `selector` does not match template `labels`',
    ]


@pytest.mark.parametrize(
    ("spec", "numbers"),
    [({}, (1, 1)), ({"parallelism": 2}, (None, 2)), ({"completions": 5}, (5, 1))],
)
def test_completions_and_parallelism(spec, numbers):
    made = created(job(**spec))["spec"]
    assert (made.get("completions"), made["parallelism"]) == numbers


def test_job_defaults():
    made = created(job())["spec"]
    assert (made["backoffLimit"], made["completionMode"], made["suspend"]) == (6, "NonIndexed", False)
    assert made["podReplacementPolicy"] == "TerminatingOrFailed"


@pytest.mark.parametrize(
    ("manifest", "errors"),
    [
        (
            job(restart="Always"),
            ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
        ),
        (
            job(completionMode="Indexed", completions=None, parallelism=2),
            ["spec.completions: Required value: when completion mode is Indexed"],
        ),
        (job(backoffLimit=-1), ["spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"]),
        (
            job(backoffLimitPerIndex=1),
            ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
        ),
        (
            job(podFailurePolicy={"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [0]}}]}),
            [
                "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: "
                "must not be 0 for the In operator",
                'spec.template.spec.restartPolicy: Invalid value: "OnFailure": '
                'only "Never" is supported when podFailurePolicy is specified',
            ],
        ),
    ],
)
def test_refused_jobs(manifest, errors):
    assert create_errors(manifest) == errors


def test_what_may_change_in_a_job():
    old = created(job())
    sent_back = {**old, "apiVersion": "batch/v1", "kind": "Job"}

    def with_spec(**spec):
        return changed(sent_back, lambda m: m["spec"].update(spec))

    assert update_errors(old, with_spec(parallelism=3, suspend=True)) == []
    assert update_errors(old, with_spec(completions=3)) == ["spec.completions: Invalid value: 3: field is immutable"]
    moved = changed(sent_back, lambda m: m["spec"]["template"]["spec"].update(nodeSelector={"a": "b"}))
    assert update_errors(old, moved)[0].startswith("spec.template: Invalid value: ")
    old["spec"]["suspend"] = True
    assert update_errors(old, moved) == []


def test_an_indexed_job_grows_with_its_parallelism():
    old = created(job(completionMode="Indexed", completions=2, parallelism=2))
    sent_back = {**old, "apiVersion": "batch/v1", "kind": "Job"}
    grown = changed(sent_back, lambda m: m["spec"].update(completions=3, parallelism=3))
    assert update_errors(old, grown) == []
    half = changed(sent_back, lambda m: m["spec"].update(completions=3))
    assert update_errors(old, half) == [
        "spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism"
    ]


@pytest.mark.parametrize(
    ("spec", "status", "deleting", "printed"),
    [
        ({"completions": 3}, {"succeeded": 1, "startTime": "2026-01-02T11:58:00Z"}, False, ["Running", "1/3", "2m"]),
        (
            {"completions": 1},
            {
                "succeeded": 1,
                "startTime": "2026-01-02T11:00:00Z",
                "completionTime": "2026-01-02T11:00:30Z",
                "conditions": [{"type": "Complete", "status": "True"}],
            },
            True,
            ["Complete", "1/1", "30s"],
        ),
        (
            {"parallelism": 2},
            {"conditions": [{"type": "Suspended", "status": "True"}]},
            False,
            ["Suspended", "0/1 of 2", ""],
        ),
        ({"parallelism": 1}, {}, True, ["Terminating", "0/1", ""]),
    ],
)
def test_job_columns(spec, status, deleting, printed):
    manifest = job(**spec) | {"status": status}
    if deleting:
        manifest["metadata"]["deletionTimestamp"] = "2026-01-02T11:59:00Z"
    assert cells(manifest)[:3] == printed


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v2alpha1"])
def test_cron_job_defaults(version):
    spec = created(cron_job(version))["spec"]
    assert (spec["concurrencyPolicy"], spec["suspend"]) == ("Allow", False)
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 1)
    assert create_errors(cron_job(version)) == []


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"schedule": ""}, "spec.schedule: Required value"),
        (
            {"schedule": "* * * *"},
            'spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]',
        ),
        (
            {"schedule": "TZ=UTC * * * * *"},
            'spec.schedule: Invalid value: "TZ=UTC * * * * *": '
            "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        ),
        ({"timeZone": "Mars/Base"}, 'spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base'),
        (
            {"concurrencyPolicy": "Sometimes"},
            'spec.concurrencyPolicy: Unsupported value: "Sometimes": supported values: "Allow", "Forbid", "Replace"',
        ),
        (
            {"jobTemplate": {"spec": {**job()["spec"], "selector": {"matchLabels": {"a": "b"}}}}},
            'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: '
            "`selector` will be auto-generated",
        ),
    ],
)
def test_refused_cron_jobs(spec, error):
    assert create_errors(cron_job(**spec)) == [error]


@pytest.mark.parametrize(
    "schedule",
    ["* * * * *", "*/15 0-6 1,15 JAN-mar mon-FRI", "0/5 * ? * *", "@daily", "@every 1h30m", "59 23 31 12 6"],
)
def test_schedules(schedule):
    parse(schedule)


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@often", "unrecognized descriptor: @often"),
        ("9-70/0 * * * *", "end of range (70) above maximum (59): 9-70/0"),
        ("@every 5", 'failed to parse duration @every 5: time: missing unit in duration "5"'),
        ("@every 1x", 'failed to parse duration @every 1x: time: unknown unit "x" in duration "1x"'),
        ("@every 1h-1m", 'failed to parse duration @every 1h-1m: time: unknown unit "h-" in duration "1h-1m"'),
        ("@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'),
    ],
)
def test_bad_schedules(schedule, why):
    with pytest.raises(ScheduleError, match=re.escape(why) + "$"):
        parse(schedule)


def test_cron_job_columns():
    status = {"active": [{}], "lastScheduleTime": "2026-01-02T11:45:00Z"}
    manifest = cron_job(timeZone="Europe/Berlin") | {"status": status}
    assert cells(manifest) == ["0,15,30,45 * * * *", "Europe/Berlin", "False", 1, "15m", "<unknown>"]
    assert cells(cron_job(), wide=True)[4:] == ["<none>", "<unknown>", "main", "luksa/kubia", "<none>"]


def test_jobs_keep_their_pods_by_default():
    assert served(job()).kind.default_orphan


COMPLETE = [{"type": "Complete", "status": "True"}]
EARLY, LATE = "2026-01-02T11:00:00Z", "2026-01-02T12:00:00Z"


@pytest.mark.parametrize(
    ("before", "after", "errors"),
    [
        ({}, {"startTime": EARLY, "completionTime": LATE, "conditions": COMPLETE}, []),
        ({"completionTime": EARLY, "conditions": COMPLETE}, {"completionTime": EARLY, "conditions": COMPLETE}, []),
        (
            {"completionTime": EARLY, "conditions": COMPLETE},
            {"completionTime": LATE, "conditions": COMPLETE},
            [f'status.completionTime: Invalid value: "{LATE}": field is immutable'],
        ),
        (
            {"completionTime": EARLY, "conditions": COMPLETE},
            {"conditions": COMPLETE},
            ["status.completionTime: Required value: completionTime is required for Complete jobs"],
        ),
        (
            {},
            {"completionTime": EARLY},
            [
                f'status.completionTime: Invalid value: "{EARLY}": '
                "cannot set completionTime when there is no Complete=True condition"
            ],
        ),
        (
            {},
            {"startTime": LATE, "completionTime": EARLY, "conditions": COMPLETE},
            [f'status.completionTime: Invalid value: "{EARLY}": must be equal to or after `startTime`'],
        ),
        ({}, {"active": -1}, ["status.active: Invalid value: -1: must be greater than or equal to 0"]),
    ],
)
def test_job_status_updates(before, after, errors):
    check = served(job()).kind.validate_status_update
    assert [str(error) for error in check({"status": after}, {"status": before})] == errors
