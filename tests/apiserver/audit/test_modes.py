"""What waits for the audit log: nothing in batches, answers in `blocking`, and in `blocking-strict` requests too."""

import json
from pathlib import Path
from typing import Any

import pytest

from sampan.apiserver.audit.options import AuditOptions, Delivery
from tests.apiserver.audit.harness import auditing
from tests.apiserver.audit.test_webhook_backend import receiver
from tests.apiserver.harness import CONFIG_MAPS, config_map
from tests.apiserver.pki import authority

METADATA = {"level": "Metadata"}


def kubeconfig(folder: Path, url: str) -> str:
    """A file that names a receiver."""
    (folder / "ca.crt").write_bytes(authority().certificate)
    config = {
        "clusters": [{"name": "audit", "cluster": {"server": url, "certificate-authority": "ca.crt"}}],
        "users": [{"name": "me", "user": {"token": "secret"}}],
        "contexts": [{"name": "it", "context": {"cluster": "audit", "user": "me"}}],
        "current-context": "it",
    }
    (folder / "webhook.yaml").write_text(json.dumps(config))
    return str(folder / "webhook.yaml")


async def test_a_server_and_a_file_get_the_same(tmp_path: Path) -> None:
    lists: list[Any] = []
    async with receiver([], lists) as url:
        options = {"webhook_config_file": kubeconfig(tmp_path, url)}
        async with auditing(tmp_path, METADATA, options=options) as api:
            await api.create(CONFIG_MAPS, config_map("web"))
            written = api.told(stage="")
    sent = [event for found in lists for event in found["items"]]
    assert sent == [{name: value for name, value in event.items() if name not in _TYPE} for event in written]


_TYPE = ("kind", "apiVersion")


@pytest.mark.parametrize(("mode", "status"), [("batch", 201), ("blocking", 201), ("blocking-strict", 500)])
async def test_where_nothing_can_be_written(tmp_path: Path, mode: str, status: int) -> None:
    (tmp_path / "audit.log").symlink_to("/dev/full")
    defaults = AuditOptions()
    delivery = Delivery(mode=mode, batching=defaults.log.batching)
    options = {"log": delivery, "log_keep": defaults.log_keep._replace(max_size=0)}
    async with auditing(tmp_path, METADATA, options=options) as api:
        answer = await api.call("POST", CONFIG_MAPS, config_map("web"))
        scraped = await api.call("GET", "/metrics")
    assert answer.status == status
    if status == 500:
        assert answer.body == f'Internal Server Error: "{CONFIG_MAPS}": failed to store audit event\n'.encode()
        assert answer.headers["content-type"].startswith("text/plain") and scraped.status == 500
    elif mode == "blocking":
        assert b'apiserver_audit_error_total{plugin="log"}' in scraped.body
        assert b'apiserver_audit_level_total{level="Metadata"}' in scraped.body


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            {"log": Delivery(mode="nope")},
            'invalid audit log mode nope, allowed modes are "batch,blocking,blocking-strict"',
        ),
        ({"log_format": "xml"}, 'invalid audit log format xml, allowed formats are "legacy,json"'),
        (
            {"log_keep": AuditOptions().log_keep._replace(max_age=-1)},
            "--audit-log-maxage -1 can't be a negative number",
        ),
        (
            {"log": Delivery(batching=Delivery().batching._replace(buffer_size=0))},
            "invalid audit batch log buffer size 0, must be a positive number",
        ),
        (
            {"log": Delivery(batching=Delivery().batching._replace(qps=0))},
            "invalid audit batch log throttle QPS 0, must be a positive number",
        ),
        (
            {"log": Delivery(limits=Delivery().limits._replace(event=0))},
            "invalid audit truncate log max event size 0, must be a positive number",
        ),
        (
            {"log": Delivery(limits=Delivery().limits._replace(batch=1))},
            "invalid audit truncate log max batch size 1, must be greater than max event size (102400)",
        ),
        ({"log": Delivery(version="v2")}, 'invalid group version, allowed versions are ["audit.k8s.io/v1"]'),
    ],
)
def test_options_that_can_not_be(options: dict[str, Any], why: str) -> None:
    assert list(AuditOptions(log_path="/x", **options).errors()) == [why]


def test_options_of_what_is_not_used_are_not_looked_at() -> None:
    assert list(AuditOptions(log_format="xml", webhook=Delivery(mode="nope")).errors()) == []
