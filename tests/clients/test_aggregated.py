"""kubectl and objects that another API server has."""

from pathlib import Path

import yaml

from tests.apiserver.aggregation.backend import (
    API_SERVICES,
    GROUP,
    NAME,
    VERSION,
    api_service,
    backend,
    front_options,
    register,
    until_fresh,
    until_reason,
)
from tests.apiserver.kubectl import binary, needs
from tests.clients.rig import Command, secure

FLUNDER = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Flunder", "metadata": {"name": "one"}}


async def test_kubectl_uses_them_like_any_other(tmp_path: Path) -> None:
    needs(27)
    options = front_options()
    del options["client_ca"]
    async with backend() as sample, secure(**options) as api:
        kubectl = Command(binary(), tmp_path, api.server.port)
        await register(api, sample.port)
        await until_fresh(api)
        assert (await kubectl(f"get apiservice {NAME} --no-headers")).split()[:3] == [NAME, "default/sample", "True"]
        assert f"{GROUP}/{VERSION}" in await kubectl("api-resources")
        created = await kubectl("create --validate=false -f -", yaml.safe_dump(FLUNDER))
        assert created == f"flunder.{GROUP}/one created\n"
        assert "one" in await kubectl("get flunders")
        assert await kubectl("get flunder one -o jsonpath={.metadata.uid}") == "uid-one"
        assert f'flunder.{GROUP} "one" deleted' in await kubectl("delete flunder one --wait=false")


async def test_kubectl_works_on_while_a_server_is_down(tmp_path: Path) -> None:
    needs(27)
    options = front_options()
    del options["client_ca"]
    async with secure(**options) as api:
        kubectl = Command(binary(), tmp_path, api.server.port)
        await api.create(API_SERVICES, api_service(443))
        await until_reason(api, "ServiceNotFound")
        assert (await kubectl(f"get apiservice {NAME} --no-headers")).split()[2:4] == ["False", "(ServiceNotFound)"]
        assert "kube-system" in await kubectl("get namespaces")
