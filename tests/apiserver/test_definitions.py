"""CustomResourceDefinitions through the API server: stored, listed and refused; what they bring is tested elsewhere."""

import threading
from collections.abc import Iterator
from typing import Any

from sampan.apiserver.writes.pipeline import found_errors
from sampan.kinds.apiextensions.custom_resource_definition import KIND
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.machinery.errors import FieldError
from tests.apiserver.harness import API

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SCHEMA = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}


def definition(**spec: Any) -> dict[str, Any]:
    versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}]
    names = {"plural": "shirts", "kind": "Shirt"}
    body = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions, **spec}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "shirts.example.com"},
        "spec": body,
    }


async def test_a_definition_is_stored_and_seen_in_both_versions(api: API) -> None:
    made = await api.create(PATH, definition())
    assert made["status"]["storedVersions"] == ["v1"]
    old = await api.get(PATH.replace("/v1/", "/v1beta1/") + "/shirts.example.com")
    assert old["spec"]["validation"] == {"openAPIV3Schema": SCHEMA}


async def test_a_bad_definition_is_told_why(api: API) -> None:
    refused = await api.call("POST", PATH, definition(scope="Global"))
    assert refused.status == 422
    assert refused.body["details"]["causes"] == [
        {
            "reason": "FieldValueNotSupported",
            "message": 'Unsupported value: "Global": supported values: "Cluster", "Namespaced"',
            "field": "spec.scope",
        }
    ]


async def test_the_status_is_changed_by_itself(api: API) -> None:
    made = await api.create(PATH, definition())
    made["status"]["conditions"] = [{"type": "Established", "status": "True"}]
    made["spec"]["scope"] = "Cluster"
    answer = await api.call("PUT", f"{PATH}/shirts.example.com/status", made)
    assert answer.status == 200, answer.body
    assert answer.body["spec"]["scope"] == "Namespaced"
    assert answer.body["status"]["conditions"][0]["type"] == "Established"


async def test_what_takes_long_to_validate_does_not_hold_the_event_loop() -> None:
    threads: list[threading.Thread] = []

    def errors() -> Iterator[FieldError]:
        threads.append(threading.current_thread())
        yield from ()

    await found_errors(KIND, errors())
    await found_errors(CONFIG_MAP, errors())
    assert threads[0] is not threads[1]
    assert threads[1] is threading.current_thread()
