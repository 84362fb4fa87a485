"""The official Python client, by type."""

import asyncio
from pathlib import Path

from kubernetes import client, watch
from kubernetes.config import load_kube_config

from tests.apiserver.harness import API


async def test_it_creates_patches_watches_and_deletes(tls: API, config: Path) -> None:
    def work() -> list[tuple[str, str]]:
        settings = client.Configuration()
        load_kube_config(str(config), client_configuration=settings)
        with client.ApiClient(settings) as connection:
            core = client.CoreV1Api(connection)
            start = core.list_namespaced_config_map("default").metadata.resource_version
            core.create_namespaced_config_map("default", {"metadata": {"name": "a"}, "data": {"x": "1"}})
            core.patch_namespaced_config_map("a", "default", {"data": {"x": "2"}})
            assert core.read_namespaced_config_map("a", "default").data == {"x": "2"}
            core.delete_namespaced_config_map("a", "default")
            seen = []
            stream = watch.Watch()
            for event in stream.stream(core.list_namespaced_config_map, "default", resource_version=start):
                seen.append((event["type"], event["object"].data["x"]))
                if event["type"] == "DELETED":
                    stream.stop()
            try:
                core.read_namespaced_config_map("a", "default")
            except client.ApiException as error:
                assert (error.status, error.reason) == (404, "Not Found")
            return seen

    assert await asyncio.to_thread(work) == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]
