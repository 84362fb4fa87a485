"""Another API server, small and real: HTTPS on loopback, that believes front proxies and serves `flunders`.

It answers what it is asked and remembers who asked how. `old` servers know no aggregated discovery.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import orjson

from sampan.transport.messages import Connection, Reply, Request, Response, StreamResponse, Upgrade
from sampan.transport.server import HTTPServer
from sampan.transport.tls import server_context
from tests.apiserver.harness import API, running
from tests.apiserver.pki import Authority, authority

GROUP, VERSION = "wardle.example.com", "v1alpha1"
PLACE = f"/apis/{GROUP}/{VERSION}"
NAME = f"{VERSION}.{GROUP}"
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
FLUNDERS = f"{PLACE}/namespaces/default/flunders"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_FLUNDER = "com.example.wardle.v1alpha1.Flunder"
SPEC = {
    "swagger": "2.0",
    "info": {"title": "sample", "version": "v1"},
    "parameters": {"pretty": {"name": "pretty", "in": "query", "type": "string", "description": "indent"}},
    "paths": {
        "/version/": {"get": {"operationId": "getCodeVersion"}},
        f"{PLACE}/namespaces/{{namespace}}/flunders": {
            "parameters": [{"name": "namespace", "in": "path", "required": True, "type": "string"}],
            "get": {
                "operationId": "listFlunders",
                "parameters": [{"$ref": "#/parameters/pretty"}],
                "responses": {"200": {"schema": {"$ref": f"#/definitions/{_FLUNDER}"}}},
            },
        },
    },
    "definitions": {
        _FLUNDER: {
            "type": "object",
            "properties": {"metadata": {"$ref": f"#/definitions/{_META}"}},
            "x-kubernetes-group-version-kind": [{"group": GROUP, "version": VERSION, "kind": "Flunder"}],
        },
        _META: {"type": "object", "description": "theirs", "properties": {"name": {"type": "string"}}},
        "unused": {"type": "object"},
    },
}


@cache
def front_proxies() -> Authority:
    """The CA of front proxies."""
    return Authority("front-proxy-ca")


class Backend:
    """The server, its objects and its memory."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.objects: dict[tuple[str, str], Any] = {}
        self.revision = 1
        self.old = self.broken = False
        self.changes: asyncio.Queue[bytes] = asyncio.Queue()
        self.port = 0
        self._server = HTTPServer(self._handle)

    async def start(self) -> None:
        pair = authority().issue("sample", server=True, hosts=("sample.default.svc",))
        context = server_context(pair.certificate, pair.key, front_proxies().certificate)
        self.port = await self._server.start("127.0.0.1", self.port, context)

    async def stop(self) -> None:
        await self._server.stop()
        self._server = HTTPServer(self._handle)

    def asked(self, path: str) -> list[Request]:
        """The requests to a path, in order."""
        return [request for request in self.requests if request.path == path]

    def _handle(self, request: Request) -> Reply:
        self.requests.append(request)
        if request.peer_certificate is None:
            return _json(401, {"kind": "Status", "message": "who are you?"})
        if self.broken:
            return _json(500, {"kind": "Status", "message": "broken"})
        if request.headers.get("upgrade"):
            return _echo(request)
        if request.path.startswith("/openapi/"):
            return _openapi(request)
        known = {"/apis": self._groups, PLACE: self._resources, f"{PLACE}/redirect": _redirect}
        return known.get(request.path, self._objects)(request)

    def _groups(self, request: Request) -> Reply:
        if self.old:
            return _json(200, {"kind": "APIGroupList", "groups": []})
        if request.headers.get("if-none-match") == '"one"':
            return Response(304)
        kind = {"group": GROUP, "version": VERSION, "kind": "Flunder"}
        resource = {"resource": "flunders", "responseKind": kind, "scope": "Namespaced", "singularResource": "flunder"}
        version = {"version": VERSION, "freshness": "Current", "resources": [resource | {"verbs": VERBS}]}
        body = {"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": GROUP}, "versions": [version]}]}
        return Response(200, orjson.dumps(body), AGGREGATED, [("ETag", '"one"')])

    def _resources(self, request: Request) -> Reply:
        flunders = {"name": "flunders", "singularName": "flunder", "namespaced": True, "kind": "Flunder"}
        status = {"name": "flunders/status", "singularName": "", "namespaced": True, "kind": "Flunder"}
        resources = [flunders | {"verbs": VERBS, "shortNames": ["fl"]}, status | {"verbs": ["get"]}]
        return _json(200, {"kind": "APIResourceList", "groupVersion": f"{GROUP}/{VERSION}", "resources": resources})

    def _objects(self, request: Request) -> Reply:
        parts = request.path.removeprefix(PLACE).strip("/").split("/")
        namespace, name = (parts[1], parts[3] if len(parts) > 3 else "") if parts[0] == "namespaces" else ("", "")
        if "watch=true" in request.raw_query:
            return StreamResponse(200, self._watch())
        if request.method == "POST":
            return self._create(namespace, orjson.loads(request.body))
        if request.method == "DELETE":
            for key in [key for key in self.objects if key[0] == namespace and name in ("", key[1])]:
                self._changed("DELETED", self.objects.pop(key))
            return _json(200, {"kind": "Status", "status": "Success"})
        if name:
            found = self.objects.get((namespace, name))
            return _json(200, found) if found else _json(404, {"kind": "Status", "reason": "NotFound", "code": 404})
        items = [one for key, one in self.objects.items() if namespace in ("", key[0])]
        meta = {"resourceVersion": str(self.revision)}
        return _json(200, {"kind": "FlunderList", "apiVersion": f"{GROUP}/{VERSION}", "metadata": meta, "items": items})

    def _create(self, namespace: str, body: Any) -> Reply:
        name = body["metadata"]["name"]
        own = {"namespace": namespace, "uid": f"uid-{name}"}
        made = {"kind": "Flunder", "apiVersion": f"{GROUP}/{VERSION}"} | body
        made["metadata"] = body["metadata"] | own
        self.put(made)
        return _json(201, made)

    def put(self, obj: Any) -> None:
        """An object comes into being."""
        meta = {"uid": f"uid-{obj['metadata']['name']}"} | obj["metadata"]
        made = obj | {"metadata": meta}
        self.objects[meta["namespace"], meta["name"]] = made
        self._changed("ADDED", made)

    def _changed(self, type: str, obj: Any) -> None:
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        self.changes.put_nowait(orjson.dumps({"type": type, "object": obj}) + b"\n")

    async def _watch(self) -> AsyncIterator[bytes]:
        while True:
            yield await self.changes.get()


def _json(status: int, body: Any) -> Response:
    return Response(status, orjson.dumps(body))


def _openapi(request: Request) -> Reply:
    if request.path == "/openapi/v3":
        url = f"/openapi/v3{PLACE}?hash=1"
        return _json(
            200, {"paths": {PLACE.strip("/"): {"serverRelativeURL": url}, "version": {"serverRelativeURL": "/"}}}
        )
    if request.path == f"/openapi/v3{PLACE}":
        return _json(200, {"openapi": "3.0.0", "paths": {FLUNDERS: {}}})
    if request.headers.get("if-none-match") == '"two"':
        return Response(304)
    return Response(200, orjson.dumps(SPEC), headers=[("ETag", '"two"')])


def _redirect(request: Request) -> Reply:
    return Response(302, b"", headers=[("Location", "https://elsewhere.example.com/")])


def _echo(request: Request) -> Reply:
    async def run(connection: Connection) -> None:
        while data := await connection.read():
            await connection.write(data.upper())

    return Upgrade(run, [("Connection", "Upgrade"), ("Upgrade", request.headers["upgrade"])])


@asynccontextmanager
async def backend() -> AsyncIterator[Backend]:
    """A running one."""
    made = Backend()
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def front_options() -> dict[str, Any]:
    """The configuration of a server with the certificate of a front proxy."""
    pair = front_proxies().issue("front-proxy-client")
    return {
        "requestheader_ca": front_proxies().certificate,
        "front_proxy_certificate": pair.certificate,
        "front_proxy_key": pair.key,
        "client_ca": authority().certificate,
    }


@asynccontextmanager
async def front(**options: Any) -> AsyncIterator[API]:
    """An API server with the certificate of a front proxy."""
    async with running(**front_options(), **options) as api:
        yield api


def service() -> Any:
    """The Service of the backend: a name for this machine, as pods there are none."""
    spec = {"type": "ExternalName", "externalName": "localhost"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "sample"}, "spec": spec}


def api_service(port: int, **spec: Any) -> Any:
    """The APIService of the backend."""
    bundle = base64.b64encode(authority().certificate).decode()
    reference = {"namespace": "default", "name": "sample", "port": port}
    numbers = {"groupPriorityMinimum": 2000, "versionPriority": 200}
    spec = {"group": GROUP, "version": VERSION, "service": reference, "caBundle": bundle, **numbers, **spec}
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{spec['version']}.{spec['group']}"},
        "spec": {name: value for name, value in spec.items() if value is not None},
    }


def available(found: Any) -> Any:
    """The condition of an APIService; {} where it has none."""
    conditions = found.get("status", {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == "Available"), {})


async def until_reason(api: API, reason: str, name: str = NAME) -> Any:
    """Wait until an APIService is (un)available for a reason; its condition."""
    query = {"fieldSelector": f"metadata.name={name}"}
    async with api.watch(API_SERVICES, query=query) as events:
        async for event in events:
            if available(event["object"]).get("reason") == reason:
                return available(event["object"])
    raise AssertionError("the watch ended")


async def until_fresh(api: API, freshness: str = "Current") -> Any:
    """Wait until discovery has the version, fresh or stale; its entry."""
    while True:
        document = await api.get("/apis", accept=AGGREGATED)
        for group in document["items"]:
            for version in group["versions"]:
                if group["metadata"].get("name") == GROUP and version["freshness"] == freshness:
                    return version
        await asyncio.sleep(0)


async def register(api: API, port: int, **spec: Any) -> None:
    """Have a backend served, and wait until it is."""
    await api.create("/api/v1/namespaces/default/services", service())
    await api.create(API_SERVICES, api_service(port, **spec))
    await until_reason(api, "Passed")
