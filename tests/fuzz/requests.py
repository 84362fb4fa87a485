"""Requests by chance: any verb on any path of the API, with options, types of content and bodies that may fit or not.

Pure: the same seed makes the same requests. run.py sends them to a cluster, test_fuzz.py to a server in memory.
"""

from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from sampan.machinery.kind import Served
from tests.catalogue import CATALOGUE
from tests.clients.objects import objects
from tests.kinds.test_any_object import WORDS, manifest

NAMESPACE = "fuzz"
NAMES = ["a", "b", "c", "default", "..", "A_b", "x" * 300, "%2f", "\u0661"]
SUBRESOURCES = ["status", "scale", "eviction", "binding", "token", "approval", "finalize", "resize", "log", "nothing"]
# What would change how every later request is answered: only tried.
TRIED = {
    "admissionregistration.k8s.io",
    "apiregistration.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "apiextensions.k8s.io",
}
NUMBERS = ["0", "1", "-1", "", "x", "9" * 30, str(2**63 - 1), "1e3", "\u0661"]
OPTIONS: dict[str, list[str]] = {
    "limit": NUMBERS,
    "continue": ["", "x", "e30", "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ"],
    "resourceVersion": NUMBERS,
    "resourceVersionMatch": ["", "Exact", "NotOlderThan", "x"],
    "labelSelector": ["a=b", "a in (b,c)", "!a", "a>", "a,,b", "=", "a" * 5000],
    "fieldSelector": ["metadata.name=a", "spec.nodeName!=x", "nothing=1", ",", "=" * 99],
    "fieldManager": ["", "m", "m" * 200, "\n"],
    "fieldValidation": ["", "Strict", "Warn", "Ignore", "x"],
    "force": ["", "true", "x"],
    "dryRun": ["All", "x"],
    "gracePeriodSeconds": NUMBERS,
    "propagationPolicy": ["", "Orphan", "Background", "Foreground", "x"],
    "orphanDependents": ["true", "false", "x"],
    "pretty": ["true", "x"],
    "\u0661": ["\0"],
}
JSON, YAML, APPLY = "application/json", "application/yaml", "application/apply-patch+yaml"
PATCHES = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    APPLY,
]
OTHERS = ["", "text/plain", "application/vnd.kubernetes.protobuf", "application/json; charset=x", "\u00e9", "a/b/c;;"]
POINTERS = [
    "",
    "/",
    "/metadata/labels/a",
    "/spec",
    "/spec/-",
    "/metadata/name",
    "/a~2",
    "/spec/containers/0/image",
    "x",
]
OPERATIONS = ["add", "remove", "replace", "move", "copy", "test", "nothing"]
SAMPLES = {(tree["apiVersion"], tree["kind"]): tree for tree in objects()}
SERVED = list(CATALOGUE.by_kind.values())


class Sent(NamedTuple):
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    content: str
    body: bytes


def request(random: Random) -> Sent:
    """The next one."""
    served = random.choice(SERVED)
    method = random.choice(("POST", "POST", "PUT", "PATCH", "PATCH", "GET", "DELETE", "HEAD", "OPTIONS"))
    content, body = _content(random, method, served)
    return Sent(method, _path(random, served, method), _query(random, served), content, body)


def _path(random: Random, served: Served, method: str) -> str:
    kind, version = served
    parts = ["apis", version.group, version.version] if version.group else ["api", version.version]
    if kind.namespaced and random.random() < 0.95:
        parts += ["namespaces", NAMESPACE if random.random() < 0.9 else random.choice(NAMES)]
    parts.append(kind.plural if random.random() < 0.97 else random.choice(WORDS))
    if random.random() < (0.1 if method == "POST" else 0.9):
        parts.append(random.choice(NAMES[:3]) if random.random() < 0.8 else random.choice(NAMES))
        if random.random() < 0.3:
            parts.append(random.choice(SUBRESOURCES))
    return "/" + "/".join(part if part == "%2f" else quote(part, safe="") for part in parts)


def _query(random: Random, served: Served) -> dict[str, str]:
    chosen = {
        name: random.choice(OPTIONS[name]) for name in random.sample(sorted(OPTIONS), random.choice((0, 0, 1, 3)))
    }
    if served.version.group in TRIED:
        chosen["dryRun"] = "All"
    return chosen


def _content(random: Random, method: str, served: Served) -> tuple[str, bytes]:
    if method in ("GET", "HEAD", "OPTIONS"):
        return "", b""
    content = random.choice(PATCHES) if method == "PATCH" else random.choice((JSON, JSON, YAML))
    body = orjson.dumps(_tree(random, method, content, served))
    return _mangled(random, content, body) if random.random() < 0.2 else (content, body)


def _tree(random: Random, method: str, content: str, served: Served) -> Any:
    if method == "DELETE":
        return random.choice(
            ({}, {"gracePeriodSeconds": 0}, {"preconditions": {"uid": "x"}}, {"kind": "DeleteOptions"}, [])
        )
    if content == PATCHES[0]:
        return [_operation(random) for _ in range(random.choice((0, 1, 2, 5)))]
    made = manifest(random, served)
    if sample := SAMPLES.get((served.version.api_version, served.kind.name)):  # else nearly nothing would be stored
        made = sample | dict(list(made.items())[: random.choice((0, 0, 1))])
    tree = made | {"apiVersion": served.version.api_version, "kind": served.kind.name}
    if random.random() < 0.8:
        tree["metadata"] = {"name": random.choice(NAMES[:3])}
    return tree


def _operation(random: Random) -> dict[str, Any]:
    found: dict[str, Any] = {"op": random.choice(OPERATIONS), "path": random.choice(POINTERS)}
    return found | {"value": random.choice((None, 1, "a", {}, [])), "from": random.choice(POINTERS)}


def _mangled(random: Random, content: str, body: bytes) -> tuple[str, bytes]:
    """The same with something wrong about its bytes or its type."""
    at = random.randrange(len(body))
    changed = [
        body[:at],
        body[:at] + bytes([random.randrange(256)]) + body[at + 1 :],
        body[:at] + body[at : at + 20] * random.choice((2, 500)) + body[at:],
        body + body,
        b"[" * 5000,
        b"&a [*a]",
        b"",
        body,
    ]
    return random.choice((content, content, random.choice(OTHERS))), random.choice(changed)
