"""Encryption at rest as clients see it: rotation by rewriting, and objects that can't be read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sampan.storage.encryption.transformers import Transformers
from sampan.storage.sqlite import SQLiteStore
from tests.apiserver.harness import API, CONFIG_MAPS, config_map, running
from tests.storage.encryption.configurations import key, local, table

SECRETS = "/api/v1/namespaces/default/secrets"
OLD = table((["secrets"], [local("aesgcm", key("old", "o"))]))
BOTH = table((["secrets"], [local("aesgcm", key("new", "n"), key("old", "o"))]))
NEW = table((["secrets"], [local("aesgcm", key("new", "n"))]))
UNREADABLE = 'unable to transform key "/core/secrets/default/web": no matching key was found for the provided AES tra'
OPTIONS = {"ignoreStoreReadErrorWithClusterBreakingPotential": True}


def secret(name: str, **data: str) -> dict[str, Any]:
    """A Secret."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


@asynccontextmanager
async def encrypted(folder: Path, transformers: Transformers) -> AsyncIterator[API]:
    """A server over the store in a folder."""
    store = await SQLiteStore.open(folder / "store.db", transformers)
    async with running(store=store) as api:
        yield api


def written_by(folder: Path, name: str) -> int:
    """How many values of a key are on the disk, in all copies of their pages."""
    return b"".join(file.read_bytes() for file in folder.iterdir()).count(f"k8s:enc:aesgcm:v1:{name}:".encode())


async def test_a_replace_that_changes_nothing_writes_what_another_key_has_written(tmp_path: Path) -> None:
    async with encrypted(tmp_path, OLD) as api:
        await api.create(SECRETS, secret("web", password="LOOKED-FOR"))
    async with encrypted(tmp_path, BOTH) as api:
        before = await api.get(f"{SECRETS}/web")
        replaced = await api.call("PUT", f"{SECRETS}/web", before)
        again = await api.call("PUT", f"{SECRETS}/web", replaced.body)
        assert replaced.body["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
        assert again.body["metadata"]["resourceVersion"] == replaced.body["metadata"]["resourceVersion"]
        assert written_by(tmp_path, "new") > 0
    async with encrypted(tmp_path, NEW) as api:
        assert (await api.get(f"{SECRETS}/web"))["data"] == {"password": "TE9PS0VELUZPUg=="}
    assert b"TE9PS0VE" not in (tmp_path / "store.db").read_bytes()


async def test_an_unreadable_object_harms_itself_only(tmp_path: Path) -> None:
    async with encrypted(tmp_path, OLD) as api:
        await api.create(SECRETS, secret("web", password="x"))
        await api.create(CONFIG_MAPS, config_map("web"))
    async with encrypted(tmp_path, NEW) as api:
        await api.create(SECRETS, secret("other", password="x"))
        read = await api.call("GET", f"{SECRETS}/web")
        assert read.status == 500 and read.body["reason"] == "InternalError"
        assert read.body["message"].startswith(f"Internal error occurred: {UNREADABLE}")
        changes = {"PUT": secret("web"), "DELETE": None}
        for method, body in changes.items():
            assert (await api.call(method, f"{SECRETS}/web", body)).status == 500
        assert (await api.patch(f"{SECRETS}/web", {"data": {}})).status == 500
        assert (await api.call("POST", SECRETS, secret("web"))).status == 409
        listed = await api.call("GET", SECRETS)
        assert [item["metadata"]["name"] for item in listed.body["items"]] == ["other"]
        (warning,) = listed.warnings
        assert 'unable to transform key \\"/core/secrets/default/web\\": no matching key was found' in warning
        assert (await api.call("GET", CONFIG_MAPS)).warnings == []
        collected = await api.call("DELETE", SECRETS)
        assert collected.status == 500 and collected.body["reason"] == "StorageReadError"
        assert f"failed to read one or more secrets from the storage: {UNREADABLE}" in collected.body["message"]
        assert (await api.get(f"{SECRETS}/other"))["metadata"]["name"] == "other"


async def test_an_unreadable_object_is_deleted_where_its_client_insists(tmp_path: Path) -> None:
    async with encrypted(tmp_path, OLD) as api:
        await api.create(SECRETS, secret("web", password="x"))
    async with encrypted(tmp_path, NEW) as api:
        await api.create(SECRETS, secret("other", password="x"))
        readable = await api.call("DELETE", f"{SECRETS}/other", OPTIONS)
        assert readable.status == 409 and "unsafe deletion is not allowed" in readable.body["message"]
        assert (await api.call("DELETE", f"{SECRETS}/none", OPTIONS)).status == 404
        assert (await api.call("DELETE", f"{SECRETS}/web", OPTIONS, user="joe")).status == 403
        assert (await api.call("DELETE", f"{SECRETS}/web", OPTIONS | {"dryRun": ["All"]})).status == 200
        assert (await api.call("GET", f"{SECRETS}/web")).status == 500
        gone = await api.call("DELETE", f"{SECRETS}/web", OPTIONS)
        assert gone.status == 200 and gone.body["status"] == "Success"
        assert (await api.call("GET", f"{SECRETS}/web")).status == 404
        await api.create(SECRETS, secret("web", password="y"))
    async with encrypted(tmp_path, NEW) as api:
        assert (await api.get(f"{SECRETS}/web"))["data"] == {"password": "eQ=="}


async def test_who_may_delete_may_not_delete_unread(tmp_path: Path) -> None:
    async with encrypted(tmp_path, OLD) as api:
        await api.create(SECRETS, secret("web", password="x"))
        rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["delete"]}]
        roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
        await api.create(f"{roles}/roles", {"metadata": {"name": "deleter"}, "rules": rules})
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deleter"}
        subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "joe"}]
        await api.create(f"{roles}/rolebindings", {"metadata": {"name": "joe"}, "roleRef": ref, "subjects": subjects})
    async with encrypted(tmp_path, NEW) as api:
        refused = await api.call("DELETE", f"{SECRETS}/web", OPTIONS, user="joe")
        assert refused.status == 403 and "unsafe-delete-ignore-read-errors" in refused.body["message"]


async def test_options_that_do_not_go_together_are_refused(api: API) -> None:
    for field, value in {"propagationPolicy": "Orphan", "gracePeriodSeconds": 0, "preconditions": {"uid": "x"}}.items():
        refused = await api.call("DELETE", f"{SECRETS}/web", OPTIONS | {field: value})
        assert refused.status == 422 and f"cannot be set together with .{field}" in refused.body["message"]
    refused = await api.call("DELETE", SECRETS, OPTIONS)
    assert refused.status == 422 and "is not allowed with DELETECOLLECTION" in refused.body["message"]
