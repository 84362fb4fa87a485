"""Every version that k8s.io/api ever marked with its releases is served, and says of itself what upstream says.

lifecycle.tsv has the marks (prerelease-lifecycle-gen) of all releases since 1.19; an empty group is the core group.
"""

import csv
from pathlib import Path

import pytest

from sampan import KUBERNETES_VERSION
from sampan.apiserver.routes import build
from tests.catalogue import CATALOGUE

ROWS = list(csv.DictReader((Path(__file__).parent / "lifecycle.tsv").read_text().splitlines(), delimiter="\t"))
RELEASE = int(KUBERNETES_VERSION.split(".")[1])
SERVED = {(version.group, version.version, kind.name): version for kind in CATALOGUE.kinds for version in kind.versions}
SUBRESOURCES = {
    (sub.group, sub.version, sub.kind)
    for endpoint in build(CATALOGUE).places.values()
    if (sub := endpoint.subresource) and sub.kind
}
# Types that travel in bodies, queries and templates and were never a resource.
NO_RESOURCES = {
    *("AdmissionReview", "APIGroupDiscovery", "JobTemplate", "PodStatusResult", "RangeAllocation"),
    *("SerializedReference", "NodeProxyOptions", "PodAttachOptions", "PodExecOptions", "PodLogOptions"),
    *("PodPortForwardOptions", "PodProxyOptions", "ServiceProxyOptions"),
}
# Bodies of pods/eviction come in either version: tests/apiserver/test_subresources.py.
ACCEPTED = {("policy", "v1beta1", "Eviction")}
# One that never left alpha, and was given up.
GIVEN_UP = {("networking.k8s.io", "ClusterCIDR")}
# Its v1beta1 can carry a key that v1 has no field for.
NEWEST_ONLY = {("certificates.k8s.io", "PodCertificateRequest")}
# Of the current release, off by default there, and nothing would act on them.
OFF_BY_DEFAULT = {
    *(("lifecycle", "Eviction"), ("lifecycle", "EvictionRequest"), ("resource.k8s.io", "ResourcePoolStatusRequest")),
    *(("scheduling.k8s.io", "PodGroup"), ("scheduling.k8s.io", "Workload")),
}


def minor(release: str) -> int:
    return int(release.split(".")[1]) if release else 0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['group']}/{row['version']} {row['kind']}")
def test_every_version_is_served_as_marked(row: dict[str, str]) -> None:
    group, kind = row["group"], row["kind"]
    version = SERVED.get((group, row["version"], kind))
    if version is None:
        resource = kind not in NO_RESOURCES and (group, kind) not in OFF_BY_DEFAULT | GIVEN_UP | NEWEST_ONLY
        assert not resource or (group, row["version"], kind) in SUBRESOURCES | ACCEPTED
        return
    if (row["version"], kind) != ("v1", "Endpoints"):  # its deprecation is KEP-4974's, which has no mark
        assert (version.deprecated, version.removed) == (row["deprecated"], row["removed"])
    if minor(row["removed"]) > RELEASE:
        assert version.replacement == row["replacement"]
    elif row["removed"]:  # who comes for what has gone is told where it went, marked or not
        assert bool(version.replacement) or kind == "PodSecurityPolicy"
