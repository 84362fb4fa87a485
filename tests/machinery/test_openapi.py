import orjson
import pytest

from sampan.machinery.descriptions import Descriptions
from sampan.machinery.kind import Kind, Scale, ServedVersion
from sampan.machinery.openapi import Documents
from sampan.machinery.schema import load
from tests.machinery.sample import DEPLOYMENT, POD, kind

OLD_SPEC, OLD = "test.openapi.v1beta1.DeploymentSpec", "test.openapi.v1beta1.Deployment"
REF = "#/components/schemas/"


@pytest.fixture(scope="module")
def documents():
    schema = load()
    schema.derive(OLD_SPEC, "io.k8s.api.apps.v1.DeploymentSpec", add={"rollbackTo": "any"})
    schema.derive(OLD, DEPLOYMENT, add={"spec": OLD_SPEC})
    versions = (ServedVersion("apps", "v1", DEPLOYMENT), ServedVersion("old.k8s.io", "v1beta1", OLD))
    deployments = Kind(name="Deployment", plural="deployments", versions=versions, scale=Scale())
    review_definition = "io.k8s.api.authorization.v1.SubjectAccessReview"
    review = kind(
        "SubjectAccessReview", "subjectaccessreviews", review_definition, "x.k8s.io",
        namespaced=False, verbs=("create",), has_status=False,
    )  # fmt: skip
    return Documents((kind("Pod", "pods", POD), deployments, review), schema, "v1.37.0")


def v3(documents, place):
    return orjson.loads(documents.v3(place))


def test_index(documents):
    paths = orjson.loads(documents.index)["paths"]
    assert sorted(paths) == ["api/v1", "apis/apps/v1", "apis/old.k8s.io/v1beta1", "apis/x.k8s.io/v1"]
    assert paths["api/v1"]["serverRelativeURL"].startswith("/openapi/v3/api/v1?hash=")
    assert documents.v3("apis/apps/v2") is None


def test_what_kubectl_explain_reads(documents):
    document = v3(documents, "api/v1")
    operation = document["paths"]["/api/v1/namespaces/{namespace}/pods"]["get"]
    assert operation["x-kubernetes-group-version-kind"] == {"group": "", "kind": "Pod", "version": "v1"}
    schemas = document["components"]["schemas"]
    assert schemas[POD]["x-kubernetes-group-version-kind"] == [{"group": "", "kind": "Pod", "version": "v1"}]
    assert schemas[POD]["properties"]["spec"]["allOf"] == [{"$ref": REF + "io.k8s.api.core.v1.PodSpec"}]
    spec = schemas["io.k8s.api.core.v1.PodSpec"]
    assert spec["required"] == ["containers"] and spec["description"] == "PodSpec is a description of a pod."
    assert spec["properties"]["restartPolicy"]["enum"] == ["Always", "Never", "OnFailure"]
    assert 'Possible enum values:\n - `"Always"`' in spec["properties"]["restartPolicy"]["description"]
    assert spec["properties"]["containers"]["items"]["allOf"] == [{"$ref": REF + "io.k8s.api.core.v1.Container"}]


def test_what_kubectl_apply_reads(documents):
    patch = v3(documents, "apis/apps/v1")["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]
    assert {"fieldValidation", "dryRun", "force"} <= {parameter["name"] for parameter in patch["parameters"]}
    assert patch["x-kubernetes-group-version-kind"]["kind"] == "Deployment"
    schemas = v3(documents, "apis/apps/v1")["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name" and containers["x-kubernetes-patch-strategy"] == "merge"


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_every_reference_leads_somewhere_and_operation_ids_are_unique(documents):
    for place in orjson.loads(documents.index)["paths"]:
        document = v3(documents, place)
        known = {REF + name for name in document["components"]["schemas"]}
        assert set(references(document)) <= known
        operations = [op for item in document["paths"].values() for op in item.values() if isinstance(op, dict)]
        assert len({op["operationId"] for op in operations}) == len(operations)
    document = orjson.loads(documents.v2())
    assert set(references(document)) <= {"#/definitions/" + name for name in document["definitions"]}


def test_operation_ids_are_upstreams(documents):
    paths = orjson.loads(documents.v2())["paths"]
    item = paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    assert item["patch"]["operationId"] == "patchAppsV1NamespacedDeployment"
    collection = paths["/api/v1/namespaces/{namespace}/pods"]
    assert collection["delete"]["operationId"] == "deleteCoreV1CollectionNamespacedPod"
    assert paths["/api/v1/pods"]["get"]["operationId"] == "listCoreV1PodForAllNamespaces"
    status = paths["/api/v1/namespaces/{namespace}/pods/{name}/status"]
    assert status["get"]["operationId"] == "readCoreV1NamespacedPodStatus"
    scale = paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"]["get"]
    assert scale["x-kubernetes-group-version-kind"] == {"group": "autoscaling", "kind": "Scale", "version": "v1"}


def test_only_what_the_verbs_allow(documents):
    paths = v3(documents, "apis/x.k8s.io/v1")["paths"]
    assert list(paths) == ["/apis/x.k8s.io/v1/subjectaccessreviews"]
    assert {"post"} == {method for method in paths["/apis/x.k8s.io/v1/subjectaccessreviews"] if method != "parameters"}


def test_derived_definitions_inherit_descriptions(documents):
    schemas = v3(documents, "apis/old.k8s.io/v1beta1")["components"]["schemas"]
    assert schemas[OLD_SPEC]["properties"]["replicas"]["description"].startswith("Number of desired pods.")
    assert "rollbackTo" in schemas[OLD_SPEC]["properties"]
    assert OLD + "List" in schemas


def test_descriptions_are_upstreams():
    descriptions = Descriptions(load())
    pod_spec = descriptions.of("io.k8s.api.core.v1.PodSpec")
    text = pod_spec.fields["terminationGracePeriodSeconds"]
    assert text.startswith(
        "Optional duration in seconds the pod needs to terminate gracefully. May be decreased in delete"
    )
    assert "\n" not in text and "\n\nIf the OS field is set to linux" in pod_spec.fields["os"]
    assert descriptions.of("io.k8s.api.nowhere.v1.Nothing").text == ""
    policy = descriptions.of("io.k8s.api.admissionregistration.v1.ApplyConfiguration")
    assert "\n\tObject{\n\t  spec: Object.spec{" in policy.fields["expression"]
