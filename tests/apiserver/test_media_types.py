"""Every answer goes by the table of serializers: objects, lists, watches, views, errors, discovery. So do bodies."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from sampan.apiserver import beside
from sampan.apiserver.accept import JSON, PROTOBUF, YAML
from sampan.apiserver.render import as_protobuf, reply
from sampan.machinery.protobuf import encoder, envelope, message_of, parse_protobuf
from sampan.machinery.protobuf.decoding import decoder
from sampan.machinery.protobuf.messages import META
from sampan.transport.messages import Request, StreamResponse
from tests.apiserver.extensions.crontabs import CRONTABS, crontab, definition, established
from tests.apiserver.harness import API, CONFIG_MAPS, DEPLOYMENTS, PODS, Answer, config_map, pod

METADATA = f"{PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = METADATA.replace("Metadata;", "MetadataList;")
INITIAL = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
Object = dict[str, Any]


def message(tree: Object) -> bytes:
    """An object as clients send it."""
    name = message_of(tree["apiVersion"], tree["kind"])
    assert name
    return envelope.wrap(tree["apiVersion"], tree["kind"], encoder(name)(tree))


def decoded(answer: Answer) -> Object:
    """The tree of an answer in protobuf."""
    assert answer.headers["content-type"] == PROTOBUF, answer
    return parse_protobuf(answer.body)


def without_empties(value: Any) -> Any:
    """A tree without what protobuf has no word for."""
    if isinstance(value, dict):
        kept = {key: without_empties(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, {}, [], "", 0, False)}
    return [without_empties(item) for item in value] if isinstance(value, list) else value


async def watching(api: API, path: str, accept: str) -> tuple[StreamResponse, AsyncIterator[Object]]:
    """A watch in protobuf, and its events."""
    query = f"watch=true&{INITIAL}"
    headers = {"accept": accept, "authorization": "Bearer admin"}
    answer = await api.raw(Request("GET", path, query, headers, raw_path=path))
    assert isinstance(answer, StreamResponse), answer
    return answer, _events(answer.stream)


async def _events(stream: AsyncIterator[bytes]) -> AsyncIterator[Object]:
    async for chunk in stream:
        at = 0
        while at < len(chunk):
            size = int.from_bytes(chunk[at : at + 4])
            found = decoder(f"{META}.WatchEvent")(chunk, at + 4, at + 4 + size, 0)
            yield found
            at += 4 + size
        assert at == len(chunk)


@pytest.fixture
def raw_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """The object of an event is an object as it is sent alone, and no JSON."""
    from sampan.machinery.protobuf import values

    raw = "io.k8s.apimachinery.pkg.runtime.RawExtension"
    monkeypatch.setitem(values.READERS, raw, lambda data: parse_protobuf(dict(values.parts(data, 0, len(data)))[1]))
    decoder.cache_clear()
    yield
    decoder.cache_clear()


async def test_objects_and_lists_are_the_same_in_every_type(api: API) -> None:
    await api.service_account()
    await api.create(PODS, pod("p"))
    for path in (f"{PODS}/p", PODS, "/api/v1/nodes", "/api/v1/namespaces/default"):
        tree = await api.get(path)
        assert without_empties(decoded(await api.call("GET", path, accept=PROTOBUF))) == without_empties(tree)
        as_yaml = await api.call("GET", path, accept=YAML)
        assert (as_yaml.headers["content-type"], yaml.safe_load(as_yaml.body)) == (YAML, tree)


async def test_old_versions_have_messages_of_their_own(api: API) -> None:
    spec = {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}
    old = "/apis/extensions/v1beta1/namespaces/default/deployments"
    await api.create(old, {"metadata": {"name": "d"}, "spec": spec})
    for path in (f"{old}/d", old, f"{DEPLOYMENTS}/d", f"{old}/d/scale", f"{DEPLOYMENTS}/d/scale"):
        sent = decoded(await api.call("GET", path, accept=PROTOBUF))
        assert without_empties(sent) == without_empties(await api.get(path)), path


async def test_writes_in_protobuf(api: API) -> None:
    made = await api.call("POST", CONFIG_MAPS, message(config_map("a", x="1")), content_type=PROTOBUF, accept=PROTOBUF)
    assert (made.status, decoded(made)["data"]) == (201, {"x": "1"})
    changed = {**decoded(made), "data": {"x": "2"}}
    put = await api.call("PUT", f"{CONFIG_MAPS}/a", message(changed), content_type=PROTOBUF, accept=PROTOBUF)
    assert (put.status, decoded(put)["data"]) == (200, {"x": "2"})
    patched = await api.patch(f"{CONFIG_MAPS}/a", {"data": {"x": "3"}}, accept=PROTOBUF)
    assert decoded(patched)["data"] == {"x": "3"}
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "another"}}
    kept = await api.call("DELETE", f"{CONFIG_MAPS}/a", message(options), content_type=PROTOBUF, accept=PROTOBUF)
    assert (kept.status, decoded(kept)["reason"]) == (409, "Conflict")
    gone = await api.call("DELETE", f"{CONFIG_MAPS}/a", accept=PROTOBUF)
    assert (decoded(gone)["kind"], decoded(gone)["status"]) == ("Status", "Success")


async def test_subresources_in_protobuf(api: API) -> None:
    await api.service_account()
    await api.create(PODS, pod("p"))
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "p"},
        "target": {"kind": "Node", "name": "n"},
    }
    bound = await api.call("POST", f"{PODS}/p/binding", message(binding), content_type=PROTOBUF, accept=PROTOBUF)
    assert (bound.status, decoded(bound)["status"]) == (201, "Success")
    assert (await api.get(f"{PODS}/p"))["spec"]["nodeName"] == "n"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["a"]}}
    accounts = "/api/v1/namespaces/default/serviceaccounts/default/token"
    token = await api.call("POST", accounts, message(request), content_type=PROTOBUF, accept=PROTOBUF)
    assert (token.status, decoded(token)["spec"]["audiences"]) == (201, ["a"])
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"nonResourceAttributes": {"path": "/x", "verb": "get"}},
    }
    reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    reviewed = await api.call("POST", reviews, message(review), content_type=PROTOBUF, accept=PROTOBUF)
    assert (reviewed.status, decoded(reviewed)["status"]["allowed"]) == (201, True)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    evicted = await api.call("POST", f"{PODS}/p/eviction", message(eviction), content_type=PROTOBUF, accept=PROTOBUF)
    assert (evicted.status, decoded(evicted)["status"]) == (201, "Success")


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (JSON, JSON),
        (YAML, YAML),
        (PROTOBUF, PROTOBUF),
        ("text/html", JSON),
        (f"{JSON};as=Table;g=meta.k8s.io;v=v1", JSON),
    ],
)
@pytest.mark.parametrize(
    ("path", "user", "code"), [(f"{CONFIG_MAPS}/none", "admin", 404), (CONFIG_MAPS, "nobody", 401)]
)
async def test_errors_come_as_what_is_accepted(
    api: API, accept: str, content_type: str, path: str, user: str, code: int
) -> None:
    answer = await api.call("GET", path, user=user, accept=accept)
    code = 406 if accept == "text/html" and user == "admin" else code
    assert (answer.status, answer.headers["content-type"]) == (code, content_type)
    read = {JSON: lambda body: body, YAML: yaml.safe_load, PROTOBUF: parse_protobuf}[content_type]
    status = read(answer.body)
    assert (status["kind"], status["code"], status["status"]) == ("Status", code, "Failure")


async def test_errors_that_nobody_can_read_are_indented(api: API) -> None:
    headers = {"accept": "text/html", "authorization": "Bearer nobody"}
    answer = await api.raw(Request("GET", CONFIG_MAPS, "", headers, raw_path=CONFIG_MAPS))
    assert answer.body.startswith(b'{\n  "kind": "Status"') and answer.body.endswith(b"\n}")


@pytest.mark.usefixtures("raw_events")
async def test_watches_in_protobuf(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("a", x="1"))
    answer, events = await watching(api, CONFIG_MAPS, PROTOBUF)
    assert answer.content_type == f"{PROTOBUF};stream=watch"
    first, end = await anext(events), await anext(events)
    assert (first["type"], first["object"]) == (
        "ADDED",
        decoded(await api.call("GET", f"{CONFIG_MAPS}/a", accept=PROTOBUF)),
    )
    assert end["type"] == "BOOKMARK"
    assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    await api.patch(f"{CONFIG_MAPS}/a", {"data": {"x": "2"}})
    await api.call("DELETE", f"{CONFIG_MAPS}/a")
    seen = [await anext(events) for _ in range(2)]
    assert [event["type"] for event in seen] == ["MODIFIED", "DELETED"]
    assert [event["object"]["data"] for event in seen] == [{"x": "2"}, {"x": "2"}]
    assert int(seen[0]["object"]["metadata"]["resourceVersion"]) < int(seen[1]["object"]["metadata"]["resourceVersion"])


@pytest.mark.usefixtures("raw_events")
async def test_watchers_in_protobuf_share_frames(api: API) -> None:
    watches = [await watching(api, CONFIG_MAPS, PROTOBUF) for _ in range(2)]
    for _, events in watches:
        assert (await anext(events))["type"] == "BOOKMARK"
    await api.create(CONFIG_MAPS, config_map("a"))
    one, two = [await anext(answer.stream) for answer, _ in watches]
    assert one is two or one == two


@pytest.mark.usefixtures("raw_events")
async def test_metadata_alone_in_protobuf_of_custom_resources_too(api: API) -> None:
    await established(api, definition())
    await api.create(CRONTABS, crontab("c"))
    await api.create(CONFIG_MAPS, config_map("a"))
    for path, name in ((CRONTABS, "c"), (CONFIG_MAPS, "a")):
        one = decoded(await api.call("GET", f"{path}/{name}", accept=METADATA))
        assert (one["kind"], one["apiVersion"], one["metadata"]["name"]) == (
            "PartialObjectMetadata",
            "meta.k8s.io/v1",
            name,
        )
        many = decoded(await api.call("GET", path, accept=METADATA_LIST))
        assert [item["metadata"]["name"] for item in many["items"]] == [name]
        answer, events = await watching(api, path, METADATA)
        first, end = await anext(events), await anext(events)
        assert first["object"] == one
        assert (end["type"], end["object"]["kind"]) == ("BOOKMARK", "PartialObjectMetadata")
        await answer.stream.aclose()  # type: ignore[attr-defined]


async def test_custom_resources_are_json(api: API) -> None:
    await established(api, definition())
    await api.create(CRONTABS, crontab("c"))
    refused = await api.call("GET", CRONTABS, accept=PROTOBUF)
    assert (refused.status, decoded(refused)["reason"]) == (406, "NotAcceptable")
    assert (await api.get(CRONTABS, accept=f"{PROTOBUF},{JSON}"))["items"][0]["metadata"]["name"] == "c"
    sent = await api.call("POST", CRONTABS, b"k8s\x00\x12\x00", content_type=PROTOBUF)
    assert (sent.status, "*unstructured.Unstructured does not implement" in sent.body["message"]) == (400, True)


@pytest.mark.parametrize("accept", [YAML, f"{YAML},{JSON}"])
async def test_there_are_no_watches_in_yaml(api: API, accept: str) -> None:
    answer = await api.call("GET", CONFIG_MAPS, query={"watch": "true"}, accept=accept)
    status = yaml.safe_load(answer.body)
    assert (answer.status, status["message"]) == (
        406,
        f"only the following media types are accepted: {JSON};stream=watch, {PROTOBUF};stream=watch",
    )


@pytest.mark.parametrize("path", ["/api", "/apis", "/apis/apps", "/api/v1", "/apis/apps/v1"])
async def test_discovery_in_every_type(api: API, path: str) -> None:
    tree = await api.get(path)
    assert yaml.safe_load((await api.call("GET", path, accept=YAML)).body) == tree
    sent = decoded(await api.call("GET", path, accept=PROTOBUF))
    assert without_empties(sent) == without_empties(tree)


async def test_aggregated_discovery_in_protobuf(api: API) -> None:
    parameters = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    tree = await api.get("/apis", accept=JSON + parameters)
    answer = await api.call("GET", "/apis", accept=f"{JSON},{PROTOBUF}{parameters}")
    assert answer.headers["content-type"] == PROTOBUF + parameters
    assert without_empties(parse_protobuf(answer.body)) == without_empties(tree)


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        (JSON, b'{"a"', 'couldn\'t get version/kind; json parse error: unexpected end of JSON input ({"a")'),
        (JSON, b"", "couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)"),
        (
            JSON,
            b"[" * 31,
            f"couldn't get version/kind; json parse error: unexpected end of JSON input ({'5b' * 30} ...)",
        ),
        (
            JSON,
            b'{"kind":1}',
            "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of "
            'type string ({"kind":1})',
        ),
        (YAML, b"a: [", "yaml: line 1: did not find expected node content (613a205b)"),
        (PROTOBUF, b"", "empty data (<empty>)"),
        (PROTOBUF, b"k8s\x00", "empty body (6b387300)"),
        (
            PROTOBUF,
            b"nonsense",
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] (6e6f6e73656e7365)",
        ),
        (PROTOBUF, b"k8s\x00\n\xff\xff", "unexpected EOF (6b3873000affff)"),
    ],
)
async def test_bodies_that_are_no_object(api: API, content_type: str, body: bytes, message: str) -> None:
    answer = await api.call("POST", CONFIG_MAPS, body, content_type=content_type)
    expected = f"the object provided is unrecognized (must be of type ConfigMap): {message}"
    assert (answer.status, answer.body["message"]) == (400, expected)
    to_binding = await api.call("POST", f"{PODS}/p/binding", body, content_type=content_type)
    assert to_binding.body["message"] == expected.replace("ConfigMap", "Binding")
    if body:
        options = await api.call("DELETE", f"{CONFIG_MAPS}/none", body, content_type=content_type)
        assert (options.status, options.body["message"]) == (400, message.rpartition(" (")[0])


@pytest.mark.parametrize(
    ("api_version", "kind", "rest", "message"),
    [
        ("v1", "ConfigMap", b"\x08\x01", "proto: wrong wireType = 0 for field ObjectMeta"),
        ("v1", "ConfigMap", b"\xff\xff", "unexpected EOF"),
        ("v1", "Secret", b"", "converting (v1.Secret) to (core.ConfigMap): unknown conversion"),
        (
            "v1",
            "Boat",
            b"",
            'no kind "Boat" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
        ),
        ("v2", "ConfigMap", b"", 'no kind "ConfigMap" is registered for version "v2" in scheme "pkg/api/legacyscheme/'),
    ],
)
async def test_messages_that_are_no_such_object(
    api: API, api_version: str, kind: str, rest: bytes, message: str
) -> None:
    answer = await api.call("POST", CONFIG_MAPS, envelope.wrap(api_version, kind, rest), content_type=PROTOBUF)
    assert answer.status == 400
    expected = f'{kind} in version "{api_version}" cannot be handled as a ConfigMap: {message}'
    assert answer.body["message"].startswith(expected)


@pytest.mark.parametrize("content_type", ["text/plain", "*/*", "text/json", "application/yml", "application/json;x"])
async def test_bodies_in_unknown_types(api: API, content_type: str) -> None:
    answer = await api.call("POST", CONFIG_MAPS, config_map("a"), content_type=content_type)
    assert (answer.status, answer.body["message"]) == (
        415,
        f"the body of the request was in an unknown format - accepted media types include: {JSON}, {YAML}, {PROTOBUF}",
    )
    patched = await api.call("PATCH", f"{CONFIG_MAPS}/a", {}, content_type=content_type)
    assert (patched.status, patched.body["message"]) == (415, "415: Unsupported Media Type")


async def test_nothing_at_all_is_an_object_without_fields(api: API) -> None:
    for content_type, body in ((JSON, b"null"), (YAML, b""), (PROTOBUF, b"k8s\x00\x12\x00")):
        answer = await api.call("POST", CONFIG_MAPS, body, content_type=content_type)
        assert (answer.status, answer.body["details"]["causes"][0]["field"]) == (422, "metadata.name")


async def test_large_lists_are_encoded_beside_the_loop(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a thread works on the list, the loop goes on."""
    for number in range(5):
        await api.create(CONFIG_MAPS, config_map(f"c-{number}", x="x" * (beside.LARGE // 4)))
    here: list[bool] = []
    joined = as_protobuf.AsProtobuf._joined

    def watched(self: Any, *args: Any) -> bytes:
        try:
            asyncio.get_running_loop()
            here.append(True)
        except RuntimeError:
            here.append(False)
        return joined(self, *args)

    monkeypatch.setattr(as_protobuf.AsProtobuf, "_joined", watched)
    assert len(decoded(await api.call("GET", CONFIG_MAPS, accept=PROTOBUF))["items"]) == 5
    monkeypatch.setattr(reply, "LARGE", 1 << 30)
    assert len(decoded(await api.call("GET", CONFIG_MAPS, accept=PROTOBUF))["items"]) == 5
    assert here == [False, True]


async def test_messages_are_kept_while_there_is_room(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        await api.create(CONFIG_MAPS, config_map(f"c-{number:02}"))
    entries = api.server.services.cache.list("/core/configmaps/default/").items
    monkeypatch.setattr(as_protobuf, "_MOST_KEPT", sum(len(entry.value) + 10 for entry in entries[2:]))
    kept = as_protobuf._Kept()
    for entry in entries:
        kept.keep(entry, "v1", b"x" * 10)
    assert [bool(entry.views) for entry in entries] == [False] * 2 + [True] * 10
    kept.keep(entries[0], "v2", b"x" * as_protobuf._MOST_KEPT)
    assert entries[0].views is None  # one that is too large turns nobody else out
