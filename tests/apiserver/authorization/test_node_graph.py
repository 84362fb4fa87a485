"""The graph behind the Node authorizer: how it follows pods, volumes and what names its node."""

from typing import Any

import pytest

from sampan.apiserver.authorization.node.graph import Graph, Place
from sampan.machinery.meta import Key, Object

OWN = Key("a", "own")
SECRET = Place("secrets", "a", "s")


def pod(node: str = "n1", uid: str = "1", status: Object | None = None, **spec: Any) -> Object:
    """A pod of namespace a."""
    meta = {"name": "own", "namespace": "a", "uid": uid}
    return {"metadata": meta, "spec": {"nodeName": node, **spec}, "status": status or {}}


def secret(name: str = "s") -> list[Object]:
    """The volume of a Secret."""
    return [{"name": "v", "secret": {"secretName": name}}]


def test_a_pod_comes_is_bound_and_goes() -> None:
    graph = Graph()
    graph.put_pod(OWN, pod("", volumes=secret()))
    assert not graph.reaches("n1", SECRET)
    graph.put_pod(OWN, pod(volumes=secret()))
    assert graph.reaches("n1", SECRET)
    assert not graph.reaches("n2", SECRET)
    assert graph.reaches("n1", Place("pods", "a", "own"))
    graph.put_pod(OWN, None)
    assert not graph.reaches("n1", SECRET)
    assert not graph.reaches("n1", Place("pods", "a", "own"))


def test_a_pod_of_the_same_name_is_another() -> None:
    graph = Graph()
    graph.put_pod(OWN, pod(volumes=secret()))
    graph.put_pod(OWN, pod("n2", uid="2", volumes=secret("t")))
    assert not graph.reaches("n1", SECRET)
    assert graph.reaches("n2", Place("secrets", "a", "t"))


def test_what_two_pods_name_stays_with_the_second() -> None:
    graph = Graph()
    graph.put_pod(OWN, pod(volumes=secret()))
    graph.put_pod(Key("a", "twin"), pod(volumes=secret()))
    graph.put_pod(OWN, None)
    assert graph.reaches("n1", SECRET)


def test_an_ephemeral_container_brings_references() -> None:
    graph = Graph()
    graph.put_pod(OWN, pod())
    debug = {"name": "d", "envFrom": [{"secretRef": {"name": "s"}}]}
    graph.put_pod(OWN, pod(ephemeralContainers=[debug]))
    assert graph.reaches("n1", SECRET)


def test_claims_that_are_made_for_a_pod() -> None:
    graph = Graph()
    template = [{"name": "gpu", "resourceClaimTemplateName": "t"}]
    graph.put_pod(OWN, pod(resourceClaims=template))
    assert not graph.reaches("n1", Place("resourceclaims", "a", "own-gpu-x"))
    made = {"resourceClaimStatuses": [{"name": "gpu", "resourceClaimName": "own-gpu-x"}]}
    graph.put_pod(OWN, pod(resourceClaims=template, status=made))
    assert graph.reaches("n1", Place("resourceclaims", "a", "own-gpu-x"))
    extended = {"extendedResourceClaimStatus": {"resourceClaimName": "own-extended"}}
    graph.put_pod(OWN, pod(status=extended))
    assert graph.reaches("n1", Place("resourceclaims", "a", "own-extended"))


def test_a_mirror_pod_gives_its_node_nothing_but_itself() -> None:
    graph = Graph()
    mirror = pod(volumes=secret())
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    graph.put_pod(OWN, mirror)
    assert graph.reaches("n1", Place("pods", "a", "own"))
    assert not graph.reaches("n1", SECRET)


def container(**fields: Any) -> Object:
    """One container."""
    return {"containers": [{"name": "main", **fields}]}


@pytest.mark.parametrize(
    ("spec", "resource", "name"),
    [
        ({"serviceAccountName": "x"}, "serviceaccounts", "x"),
        ({"imagePullSecrets": [{"name": "x"}]}, "secrets", "x"),
        (container(env=[{"name": "K", "valueFrom": {"secretKeyRef": {"name": "x"}}}]), "secrets", "x"),
        (container(envFrom=[{"secretRef": {"name": "x"}}]), "secrets", "x"),
        (container(env=[{"name": "K", "valueFrom": {"configMapKeyRef": {"name": "x"}}}]), "configmaps", "x"),
        (container(envFrom=[{"configMapRef": {"name": "x"}}]), "configmaps", "x"),
        ({"initContainers": container(envFrom=[{"secretRef": {"name": "x"}}])["containers"]}, "secrets", "x"),
        *(
            ({"volumes": [{"name": "v", source: {"secretRef": {"name": "x"}}}]}, "secrets", "x")
            for source in ("cephfs", "cinder", "flexVolume", "rbd", "scaleIO", "iscsi", "storageos")
        ),
        ({"volumes": [{"name": "v", "azureFile": {"secretName": "x"}}]}, "secrets", "x"),
        ({"volumes": [{"name": "v", "csi": {"nodePublishSecretRef": {"name": "x"}}}]}, "secrets", "x"),
        ({"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "x"}}]}}]}, "secrets", "x"),
        ({"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "x"}}]}}]}, "configmaps", "x"),
        ({"volumes": [{"name": "v", "configMap": {"name": "x"}}]}, "configmaps", "x"),
        ({"volumes": [{"name": "v", "ephemeral": {}}]}, "persistentvolumeclaims", "own-v"),
    ],
)
def test_what_a_pod_names(spec: Object, resource: str, name: str) -> None:
    graph = Graph()
    graph.put_pod(OWN, pod(**spec))
    assert graph.reaches("n1", Place(resource, "a", name))


def volume(claim: str = "c", **source: Any) -> Object:
    """A PersistentVolume bound to a claim of namespace a."""
    return {"metadata": {"name": "pv"}, "spec": {"claimRef": {"namespace": "a", "name": claim}, **source}}


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ({"azureFile": {"secretName": "x"}}, ("a", "x")),
        ({"azureFile": {"secretName": "x", "secretNamespace": "b"}}, ("b", "x")),
        *(
            ({source: {"secretRef": {"name": "x"}}}, ("a", "x"))
            for source in ("cephfs", "flexVolume", "rbd", "scaleIO", "iscsi")
        ),
        ({"rbd": {"secretRef": {"name": "x", "namespace": "b"}}}, ("b", "x")),
        ({"cinder": {"secretRef": {"name": "x", "namespace": "b"}}}, ("b", "x")),
        *(
            ({"csi": {field: {"name": "x", "namespace": "b"}}}, ("b", "x"))
            for field in ("nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef")
        ),
    ],
)
def test_secrets_of_volumes(source: Object, place: tuple[str, str]) -> None:
    graph = Graph()
    graph.put_volume("pv", volume(**source))
    wanted = Place("secrets", *place)
    assert not graph.reaches("n1", wanted)
    graph.put_pod(OWN, pod(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]))
    assert graph.reaches("n1", wanted)
    assert graph.reaches("n1", Place("persistentvolumes", "", "pv"))
    graph.put_volume("pv", volume("other", **source))
    assert not graph.reaches("n1", wanted)
    graph.put_volume("pv", None)
    assert not graph.reaches("n1", Place("persistentvolumes", "", "pv"))


@pytest.mark.parametrize("field", ["controllerPublishSecretRef", "controllerExpandSecretRef"])
def test_secrets_of_controllers_are_not_for_nodes(field: str) -> None:
    graph = Graph()
    graph.put_volume("pv", volume(csi={field: {"name": "x", "namespace": "b"}}))
    graph.put_pod(OWN, pod(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]))
    assert not graph.reaches("n1", Place("secrets", "b", "x"))


def test_what_names_its_node() -> None:
    graph, place = Graph(), Place("volumeattachments", "", "va")
    graph.put_owned(place, {"spec": {"nodeName": "n1"}})
    assert graph.reaches("n1", place)
    graph.put_owned(place, {"spec": {"nodeName": "n2"}})
    assert not graph.reaches("n1", place)
    graph.put_owned(place, None)
    assert not graph.reaches("n2", place)
