"""What claims and volumes get, and what they may not."""

from typing import Any

from sampan.machinery.meta import Object
from tests.apiserver.harness import API

CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
UNSUPPORTED = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
)


def claim(name: str, storage: str = "1Gi", *, annotations: Any = None, **spec: Any) -> Object:
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
    return {"metadata": {"name": name, "annotations": annotations or {}}, "spec": {**asked, **spec}}


async def a_class(api: API, name: str, *, default: bool = False, **fields: Any) -> None:
    marks = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    body = {"metadata": {"name": name, "annotations": marks}, "provisioner": "example.com/p", **fields}
    await api.create(CLASSES, body)


async def test_claims_get_the_default_class(api: API) -> None:
    await a_class(api, "plain")
    assert "storageClassName" not in (await api.create(CLAIMS, claim("before")))["spec"]
    await a_class(api, "usual", default=True)
    assert (await api.create(CLAIMS, claim("a")))["spec"]["storageClassName"] == "usual"
    assert (await api.create(CLAIMS, claim("b", storageClassName="")))["spec"]["storageClassName"] == ""
    assert (await api.create(CLAIMS, claim("c", storageClassName="plain")))["spec"]["storageClassName"] == "plain"
    old = {"volume.beta.kubernetes.io/storage-class": "plain"}
    assert "storageClassName" not in (await api.create(CLAIMS, claim("d", annotations=old)))["spec"]


async def test_claims_and_volumes_are_protected(api: API) -> None:
    assert (await api.create(CLAIMS, claim("a")))["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    spec = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/data"}}
    volume = {"metadata": {"name": "disk", "finalizers": ["example.com/own"]}, "spec": spec}
    made = await api.create("/api/v1/persistentvolumes", volume)
    assert made["metadata"]["finalizers"] == ["example.com/own", "kubernetes.io/pv-protection"]


async def test_claims_grow_where_their_class_allows_it(api: API) -> None:
    await a_class(api, "fixed")
    await a_class(api, "elastic", allowVolumeExpansion=True)

    async def grow(name: str) -> tuple[int, str]:
        grown = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
        answer = await api.patch(f"{CLAIMS}/{name}", grown)
        return answer.status, answer.body.get("message", "")

    for name in ("fixed", "elastic"):
        await api.create(CLAIMS, claim(name, storageClassName=name, volumeName="disk"))
        assert (await grow(name))[0] == 422
        await api.patch(f"{CLAIMS}/{name}/status", {"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}})
    assert await grow("fixed") == (403, f'persistentvolumeclaims "fixed" is forbidden: {UNSUPPORTED}')
    assert (await grow("elastic"))[0] == 200
