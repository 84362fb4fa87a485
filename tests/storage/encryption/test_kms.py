"""KMS v2 with a plugin on a socket: its keys, its rotation, its absence; and a configuration that changes meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.registry import CollectorRegistry

from sampan.storage.encryption.config_file import ConfigFileError
from sampan.storage.encryption.encryption import Encryption
from sampan.storage.encryption.kms import kms_pb2 as pb
from sampan.storage.encryption.metrics import EncryptionMetrics
from sampan.storage.encryption.transformer import TransformFailed
from sampan.storage.sqlite import SQLiteStore
from tests.storage.encryption.configurations import IDENTITY_PROVIDER, key, kms, local, text
from tests.storage.encryption.kms_plugin import Plugin, plugged

WEB, PLACE = "/core/secrets/default/web", b"/core/secrets/default/web"
PREFIX = b"k8s:enc:kms:v2:plugin:"


class Clock:
    """Time that passes when the test says so; sleepers wait until their time has come."""

    def __init__(self) -> None:
        self.passed = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return datetime(2026, 11, 26, tzinfo=UTC) + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.passed + seconds, woken))
        await woken.wait()

    async def run_until(self, reached: Callable[[], bool]) -> None:
        """Let time pass, half a second at a time, until something is so."""
        async with asyncio.timeout(20):
            while not reached():
                await self.pass_by(0.5)
                await asyncio.sleep(0.01)

    async def pass_by(self, seconds: float) -> None:
        """Turn the clock on."""
        self.passed += seconds
        due, self._sleepers = (
            [woken for end, woken in self._sleepers if end <= self.passed],
            [sleeper for sleeper in self._sleepers if sleeper[0] > self.passed],
        )
        for woken in due:
            woken.set()


class Case:
    """A configuration, its plugin, and what a server has of them."""

    def __init__(self, folder: Path) -> None:
        self.file, self.socket = folder / "encryption.yaml", folder / "kms.sock"
        self.plugin, self.clock, self.registry = Plugin(), Clock(), CollectorRegistry()
        self.metrics = EncryptionMetrics(self.registry, "me")
        self.reread = 0
        self.configure([kms("plugin", self.socket)])

    def configure(self, providers: list[dict[str, object]]) -> None:
        self.file.write_text(text((["secrets"], providers)))

    async def start(self, *, reload: bool = False) -> Encryption:
        return await Encryption.start(self.file, reload=reload, clock=self.clock, metrics=self.metrics)

    @asynccontextmanager
    async def running(
        self, encryption: Encryption, reread: Callable[[], Awaitable[object]] | None = None
    ) -> AsyncIterator[None]:
        """With its tasks."""

        async def count() -> None:
            self.reread += 1

        task = asyncio.create_task(encryption.run(reread or count))
        await asyncio.sleep(0.05)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    def sample(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def written(encryption: Encryption, value: bytes = b"{}") -> bytes:
    """A value as it would be stored."""
    return encryption.transformers.of(WEB).to_storage(value, PLACE).value


async def beside(encryption: Encryption, stored: bytes) -> bytes:
    """A value read as the thread of the log file reads it, while the plugin may answer."""
    return (await asyncio.to_thread(encryption.transformers.of(WEB).from_storage, stored, PLACE)).value


async def test_values_carry_their_key_as_upstreams_do(case: Case) -> None:
    async with plugged(case.socket, case.plugin):
        encryption = await case.start()
        assert encryption.has_health and await encryption.health() == ""
        first, second = written(encryption, b"secret"), written(encryption, b"secret")
        assert first.startswith(PREFIX) and b"secret" not in first and first != second
        found = pb.EncryptedObject.FromString(first.removeprefix(PREFIX))
        assert (found.keyID, dict(found.annotations)) == ("key-1", case.plugin.annotations)
        assert found.encryptedDEKSourceType == pb.HKDF_SHA256_XNONCE_AES_GCM_SEED
        assert await beside(encryption, first) == b"secret"
        assert case.plugin.calls == {"Status": 1, "Encrypt": 1}  # one seed for all values


async def test_another_start_asks_for_each_key_once(case: Case) -> None:
    async with plugged(case.socket, case.plugin):
        before = await case.start()
        stored = [written(before, b"%d" % number) for number in range(3)]
        after = await case.start()
        assert [await beside(after, one) for one in stored] == [b"0", b"1", b"2"]
    assert case.plugin.calls["Decrypt"] == 1 and case.plugin.decrypted == ["key-1"]
    assert case.sample("apiserver_storage_envelope_transformation_cache_misses_total") == 1
    assert case.sample("apiserver_envelope_encryption_dek_source_cache_size", provider_name="plugin") == 1


async def test_a_plugins_new_key_makes_stale_what_the_old_one_wrote(case: Case) -> None:
    async with plugged(case.socket, case.plugin):
        encryption = await case.start()
        transformer = encryption.transformers.of(WEB)
        old = transformer.to_storage(b"{}", PLACE)
        async with case.running(encryption):
            case.plugin.key_id = "key-2"
            await case.clock.run_until(lambda: transformer.writer() != old.writer)
        new = transformer.to_storage(b"{}", PLACE)
        assert pb.EncryptedObject.FromString(new.value.removeprefix(PREFIX)).keyID == "key-2"
        assert await beside(encryption, old.value) == b"{}" == await beside(encryption, new.value)


async def test_nothing_is_written_by_a_key_that_may_have_been_rotated(case: Case) -> None:
    async with plugged(case.socket, case.plugin):
        encryption = await case.start()
        stored = written(encryption)
    case.clock.passed = 179
    written(encryption)
    case.clock.passed = 181
    with pytest.raises(TransformFailed, match=r'encryptedDEKSource with keyID hash "sha256:.*" expired at 2026'):
        written(encryption)
    assert encryption.transformers.of(WEB).from_storage(stored, PLACE).value == b"{}"


async def test_a_plugin_may_come_later_and_go_and_come(case: Case) -> None:
    case.configure([kms("plugin", case.socket, timeout="1500ms")])
    encryption = await case.start()
    why = "kms-provider-0: failed to perform status section of the healthz check for KMS Provider plugin, error: "
    assert (await encryption.health()).startswith(why)
    with pytest.raises(TransformFailed, match="got unexpected nil transformer"):
        written(encryption)
    async with case.running(encryption):
        async with plugged(case.socket, case.plugin):
            await case.clock.run_until(lambda: case.reread == 1)
            assert await encryption.health() == ""
            stored = written(encryption)
        so_far = failures(case)
        await case.clock.run_until(lambda: failures(case) > so_far)
        assert await encryption.health() != ""
        async with plugged(case.socket, case.plugin):
            await case.clock.run_until(lambda: case.reread == 2)
            assert await encryption.health() == "" and await beside(encryption, stored) == b"{}"


def failures(case: Case) -> float:
    """How many calls of the plugin have failed."""
    name = "apiserver_envelope_encryption_kms_operations_latency_seconds_count"
    return labelled(case, name) - labelled(case, name, grpc_status_code="OK")


def labelled(case: Case, name: str, **labels: str) -> float:
    """The sum of a metric over labels that are not given."""
    samples = [sample for family in case.registry.collect() for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("healthz", "sick", "got unexpected healthz status: sick"),
        ("version", "v1", "expected KMSv2 API version v2, got v1"),
        ("key_id", "", 'got invalid KMSv2 KeyID hash "": keyID is empty'),
        ("key_id", "x" * 1025, "keyID is 1025 bytes, which exceeds the max size of 1024"),
        ("encrypts_with", "other", "failed to rotate DEK useSeed=true, errState=got unexpected nil transformer"),
        ("annotations", {"nodomain": b"x"}, 'failed to validate annotations: annotations: Invalid value: "nodomain"'),
        ("annotations", {"a.example.com": b"x" * 32768}, "total size of annotations is 32781, which exceeds the max"),
        ("fails", "Encrypt", "failed to encrypt DEK, error: rpc error: code = Internal desc = out of order"),
        ("fails", "Status", "error: rpc error: code = Internal desc = out of order"),
    ],
)
async def test_what_a_plugin_may_not_say(case: Case, field: str, value: object, why: str) -> None:
    setattr(case.plugin, field, value)
    async with plugged(case.socket, case.plugin):
        encryption = await case.start()
        told = await encryption.health()
    assert why in told and told.startswith("kms-provider-0: ")


async def test_a_version_stays_what_it_was(case: Case) -> None:
    async with plugged(case.socket, case.plugin):
        encryption = await case.start()
        case.plugin.version = "v2beta1"
        case.clock.passed = 25
        told = await encryption.health()
    assert "KMSv2 API version should not change after the initial status response version v2" in told


async def test_health_is_asked_for_at_most_every_twenty_seconds(case: Case) -> None:
    async with plugged(case.socket, case.plugin):
        encryption = await case.start()
        for _ in range(5):
            assert await encryption.health() == ""
        assert case.plugin.calls["Status"] == 1
        case.clock.passed = 21
        await encryption.health()
        assert case.plugin.calls["Status"] == 2


async def test_what_was_unreadable_without_the_plugin_comes_back_with_it(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "data" / "state.db"
    async with plugged(case.socket, case.plugin):
        encryption = await case.start()
        store = await SQLiteStore.open(path, encryption.transformers)
        await store.create(WEB, b'{"metadata":{}}')
        await store.close()
    case.configure([kms("plugin", case.socket, timeout="1500ms")])
    encryption = await case.start()
    store = await SQLiteStore.open(path, encryption.transformers)
    record = await store.get(WEB)
    assert record is not None and getattr(record.value, "why", "") == "got unexpected nil transformer"
    async with case.running(encryption, store.reread), plugged(case.socket, case.plugin):
        await case.clock.run_until(lambda: store.revision == 2)
    record = await store.get(WEB)
    assert record is not None and record.value == b'{"metadata":{}}' and not store.is_stale(WEB)
    await store.close()


# Reload


async def test_a_changed_file_is_used_without_a_restart(case: Case) -> None:
    case.configure([local("aesgcm", key("old"))])
    encryption = await case.start(reload=True)
    assert encryption.has_health and await encryption.health() == ""
    stored = written(encryption)
    async with case.running(encryption):
        await case.clock.pass_by(60)
        assert case.reread == 0  # nothing has changed
        case.configure([local("aesgcm", key("new", "n"), key("old"))])
        await case.clock.run_until(lambda: case.reread == 1)
    assert written(encryption).startswith(b"k8s:enc:aesgcm:v1:new:")
    assert await beside(encryption, stored) == b"{}"
    reloads = "apiserver_encryption_config_controller_automatic_reloads_total"
    assert labelled(case, reloads, status="success") == 1


async def test_a_file_that_can_not_be_used_changes_nothing_and_is_tried_again(case: Case) -> None:
    case.configure([local("aesgcm", key("old"))])
    encryption = await case.start(reload=True)
    failed = "apiserver_encryption_config_controller_automatic_reloads_total"
    async with case.running(encryption):
        case.file.write_text("nonsense: [")
        await case.clock.run_until(lambda: labelled(case, failed, status="failure") >= 1)
        assert written(encryption).startswith(b"k8s:enc:aesgcm:v1:old:")
        case.configure([local("aesgcm", key("new"))])
        await case.clock.run_until(lambda: case.reread == 1)
    assert written(encryption).startswith(b"k8s:enc:aesgcm:v1:new:")


async def test_a_new_plugin_has_to_be_well_before_it_is_used(case: Case) -> None:
    case.configure([local("aesgcm", key("old"))])
    encryption = await case.start(reload=True)
    case.plugin.healthz = "not yet"
    async with plugged(case.socket, case.plugin), case.running(encryption):
        case.configure([kms("plugin", case.socket), local("aesgcm", key("old"))])
        await case.clock.run_until(lambda: case.plugin.calls["Status"] >= 1)
        assert written(encryption).startswith(b"k8s:enc:aesgcm:v1:old:")
        case.plugin.healthz = "ok"
        await case.clock.run_until(lambda: case.reread == 1)
        assert written(encryption).startswith(PREFIX)


async def test_a_file_must_be_one_at_the_start(case: Case) -> None:
    case.configure([])
    with pytest.raises(ConfigFileError, match=r"at least one resources\[0\].providers is required"):
        await case.start()


async def test_without_plugins_and_reload_there_is_no_health_to_tell(case: Case) -> None:
    case.configure([IDENTITY_PROVIDER])
    assert not (await case.start()).has_health
