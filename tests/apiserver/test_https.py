"""What only a real connection shows."""

import asyncio
import ssl

import orjson

from sampan.transport.connection import HTTPClient
from sampan.transport.tls import client_context
from tests.apiserver.harness import API, CONFIG_MAPS, config_map
from tests.apiserver.pki import authority
from tests.clients.rig import secure


async def test_oversized_bodies() -> None:
    admin = authority().issue("kubernetes-admin", ("system:masters",))
    context = client_context(authority().certificate, admin.certificate, admin.key)
    body = orjson.dumps(config_map("big", x="x" * (3 << 20)))
    async with secure() as api:
        client = HTTPClient(f"https://127.0.0.1:{api.server.port}", context)
        answer = await client.request("POST", CONFIG_MAPS, {"content-type": "application/json"}, body)
        await client.close()
    status = orjson.loads(answer.body)
    assert (answer.status, status["kind"], status["reason"]) == (413, "Status", "RequestEntityTooLarge")


async def test_names_that_clients_call_the_server_by_leave_nothing_behind() -> None:
    """Neither a certificate nor an object is made for a name of SNI or of the Host header (GHSA-m4hf-6vgr-75r2)."""
    context = ssl.create_default_context(cadata=authority().certificate.decode())
    context.check_hostname = False
    shown: set[bytes | None] = set()
    async with secure() as api:
        before = await kept(api)
        for number in range(300):
            name = f"n{number}.example"
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", api.server.port, ssl=context, server_hostname=name
            )
            shown.add(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
            writer.write(f"GET /version HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            assert (await reader.readline()).split()[1] == b"200"
            writer.close()
        assert (len(shown), await kept(api)) == (1, before)


async def kept(api: API) -> list[str]:
    """The names of what could hold certificates."""
    lists = [await api.get(f"/api/v1/{plural}") for plural in ("secrets", "configmaps")]
    return [item["metadata"]["name"] for listing in lists for item in listing["items"]]
