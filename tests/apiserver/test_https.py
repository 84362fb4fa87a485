"""What only a real connection shows."""

import orjson

from sampan.transport.connection import HTTPClient
from sampan.transport.tls import client_context
from tests.apiserver.harness import CONFIG_MAPS, config_map
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
