"""What OpenAPI says of legacy versions: kubectl checks manifests against it before it sends them."""

import orjson
import pytest

from sampan.machinery.openapi import Documents
from tests.catalogue import CATALOGUE


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ("io.k8s.api.extensions.v1beta1.DeploymentSpec", "selector"),
        ("io.k8s.api.apps.v1beta1.DeploymentSpec", "selector"),
        ("io.k8s.api.extensions.v1beta1.DaemonSetSpec", "selector"),
        ("io.k8s.api.extensions.v1beta1.ReplicaSetSpec", "selector"),
        ("io.k8s.api.apps.v1beta1.StatefulSetSpec", "selector"),
        ("io.k8s.api.networking.v1beta1.HTTPIngressPath", "pathType"),
    ],
)
def test_what_legacy_versions_default_need_not_be_sent(definition: str, field: str) -> None:
    documents = Documents(CATALOGUE.kinds, CATALOGUE.schema, "v1.37.0")
    assert field not in orjson.loads(documents.v2())["definitions"][definition].get("required", ())
