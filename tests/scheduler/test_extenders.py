"""Extenders: what goes over the wire, whose errors matter, and which pods wait for them."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest

from sampan.machinery.meta import Object
from sampan.scheduler.configuration.extender import ExtenderConfiguration, ManagedResource, TLSConfiguration
from sampan.scheduler.extenders import wire
from sampan.scheduler.extenders.extenders import Extenders
from sampan.scheduler.extenders.wire import ExtenderError
from sampan.scheduler.framework import Rejection
from sampan.scheduler.node_info import NodeInfo
from tests.scheduler.extender_server import extender_server, items, never
from tests.scheduler.objects import cluster, info, node

GPU = "example.com/gpu"
OBJECTS = {name: node(name) for name in "abc"}
NODES = cluster(*OBJECTS.values()).nodes


def extenders(*configurations: ExtenderConfiguration) -> Extenders:
    return Extenders(configurations, OBJECTS.get)


def names(nodes: Sequence[NodeInfo]) -> str:
    return "".join(node.name for node in nodes)


def test_what_is_sent_is_named_as_go_names_it() -> None:
    pod = {"metadata": {"name": "p"}}
    assert orjson.loads(wire.filter_arguments(pod, [b'{"metadata":{"name":"a"}}', b"{}"], None)) == {
        "Pod": pod,
        "Nodes": {"metadata": {}, "items": [{"metadata": {"name": "a"}}, {}]},
        "NodeNames": None,
    }
    assert orjson.loads(wire.filter_arguments(pod, None, ["a"])) == {"Pod": pod, "Nodes": None, "NodeNames": ["a"]}
    victim = {"metadata": {"name": "v", "uid": "u"}}
    assert orjson.loads(wire.preemption_arguments(pod, {"a": ([victim], 1)}, by_uid=True)) == {
        "Pod": pod,
        "NodeNameToVictims": None,
        "NodeNameToMetaVictims": {"a": {"Pods": [{"UID": "u"}], "NumPDBViolations": 1}},
    }
    whole = orjson.loads(wire.preemption_arguments(pod, {"a": ([victim], 1)}, by_uid=False))
    assert whole["NodeNameToVictims"] == {"a": {"Pods": [victim], "NumPDBViolations": 1}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"NodeNames": ["a"]}, (["a"], {}, {})),
        ({"nodenames": ["a"], "failedNodes": {"B": "no"}}, (["a"], {"B": "no"}, {})),
        ({"Nodes": {"items": [{"metadata": {"name": "a"}}]}, "NodeNames": None}, (["a"], {}, {})),
        ({"nodes": {"Items": None}}, ([], {}, {})),
        ({"FailedAndUnresolvableNodes": {"a": "never"}}, (None, {}, {"a": "never"})),
        (None, (None, {}, {})),
    ],
)
def test_answers_are_read_as_go_reads_them(body: Any, expected: tuple[Any, ...]) -> None:
    assert wire.filtered(orjson.dumps(body)) == expected


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (wire.filtered, b""),
        (wire.filtered, b"[]"),
        (wire.filtered, b'{"Error": "broken"}'),
        (wire.filtered, b'{"NodeNames": [1]}'),
        (wire.filtered, b'{"Nodes": {"items": [3]}}'),
        (wire.filtered, b'{"FailedNodes": {"a": {}}}'),
        (wire.priorities, b"{}"),
        (wire.priorities, b'[{"Host": "a", "Score": 9223372036854775808}]'),
        (wire.priorities, b'[{"Host": "a", "Score": 1.5}]'),
        (wire.check_bound, b'{"error": "full"}'),
        (wire.preemption, b'{"NodeNameToMetaVictims": []}'),
        (wire.preemption, b'{"NodeNameToMetaVictims": {"a": {"Pods": {}}}}'),
    ],
)
def test_what_is_no_answer_is_an_error(read: Callable[[bytes], Any], body: bytes) -> None:
    with pytest.raises(ExtenderError):
        read(body)


async def test_nodes_are_filtered_by_one_after_the_other() -> None:
    def refuse(said: Object) -> Object:
        left = [node for node in said["Nodes"]["items"] if node["metadata"]["name"] != "a"]
        return {"Nodes": {"items": left}, "FailedNodes": {"a": "too warm"}}

    async with extender_server(filter=refuse) as first, extender_server(filter=lambda said: {}) as second:
        second.answers["filter"] = lambda said: {
            "NodeNames": said["NodeNames"][:1],
            "FailedAndUnresolvableNodes": {"c": "no licence"},
        }
        both = extenders(second.configuration(node_cache_capable=True, ignorable=True), first.configuration())
        kept = await both.filter(info(), NODES)
        await both.close()
        assert items(first.asked[0][1]) == ["a", "b", "c"]
        assert second.asked[0][1]["NodeNames"] == ["b", "c"]
        assert second.asked[0][1]["Pod"]["metadata"]["name"] == "new"
    assert names(kept.nodes) == "b"
    assert kept.rejections == {
        "a": Rejection("Extenders", ("too warm",)),
        "c": Rejection("Extenders", ("no licence",), resolvable=False),
    }


async def test_a_node_that_is_left_out_without_a_word_is_out() -> None:
    async with extender_server(filter=lambda said: {}) as server:
        asked = extenders(server.configuration())
        kept = await asked.filter(info(), NODES)
        await asked.close()
    assert not kept.nodes and set(kept.rejections.values()) == {Rejection("Extenders", (), resolvable=False)}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda said: 500, "failed filter with extender at URL {url}/filter, code 500"),
        (lambda said: {"Error": "no idea"}, "no idea"),
        (
            lambda said: {"NodeNames": ["x"]},
            'extender "{url}" claims a filtered node "x" which is not found in the input node list',
        ),
        (
            never,
            'Post "{url}/filter": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        ),
    ],
)
async def test_errors_count_unless_the_extender_may_be_ignored(answer: Any, why: str) -> None:
    async with extender_server(filter=answer) as server:
        strict = extenders(server.configuration(timeout=0.05))
        with pytest.raises(ExtenderError) as error:
            await strict.filter(info(), NODES)
        assert str(error.value) == why.format(url=server.url)
        lax = extenders(server.configuration(timeout=0.05, ignorable=True))
        assert names((await lax.filter(info(), NODES)).nodes) == "abc"
        await strict.close()
        await lax.close()


async def test_who_can_not_be_reached_is_told_of_in_gos_words() -> None:
    async with extender_server() as server:
        gone = server.url
    for url, why in (
        (gone, f"dial tcp 127.0.0.1:{gone.rsplit(':', 1)[1].split('/')[0]}: connect: connection refused"),
        ("extender", 'unsupported protocol scheme ""'),
    ):
        with pytest.raises(ExtenderError) as error:
            await extenders(ExtenderConfiguration(url, filter_verb="filter")).filter(info(), NODES)
        assert str(error.value) == f'Post "{url}/filter": {why}'


async def test_scores_are_weighed_and_added_and_never_stop_anybody() -> None:
    def likes(host: str, score: int) -> Callable[[Object], Any]:
        return lambda said: [{"Host": host, "Score": score}, {"host": "elsewhere", "score": 1}]

    async with (
        extender_server(prioritize=likes("a", 5)) as first,
        extender_server(prioritize=likes("a", 1)) as second,
        extender_server(prioritize=lambda said: 404) as broken,
    ):
        asked = extenders(first.configuration(weight=2), second.configuration(weight=1), broken.configuration(weight=9))
        assert await asked.prioritize(info(), NODES) == {"a": 5 * 2 * 10 + 1 * 10, "elsewhere": 20 + 10}
        await asked.close()


def test_whom_an_extender_is_about() -> None:
    def about(*resources: str) -> Extenders:
        managed = tuple(ManagedResource(name) for name in resources)
        return extenders(ExtenderConfiguration("http://x", filter_verb="f", managed_resources=managed))

    limited = {"name": "i", "resources": {"limits": {GPU: "1"}}}
    assert about().decide_about(info())
    assert not about(GPU).decide_about(info(cpu="1"))
    assert about("other.com/x", GPU).decide_about(info(initContainers=[limited]))
    assert not extenders(ExtenderConfiguration("http://x", bind_verb="b")).decide_about(info())


@pytest.mark.parametrize(
    ("tls", "why"),
    [
        (TLSConfiguration(insecure=True, ca_data=b"x"), "specifying a root certificates file with the insecure flag"),
        (TLSConfiguration(ca_data=b"no certificate"), "unable to load root certificates: unable to parse bytes as PEM"),
        (TLSConfiguration(ca_file="/nowhere/ca.pem"), "open /nowhere/ca.pem: no such file or directory"),
        (TLSConfiguration(cert_data=b"x", key_data=b"y", insecure=True), "tlsConfig: "),
    ],
)
def test_what_is_wrong_with_certificates_is_told_at_the_start(tls: TLSConfiguration, why: str) -> None:
    with pytest.raises(ExtenderError, match=f"^{why}"):
        extenders(ExtenderConfiguration("https://x", tls=tls))
