"""The file that configures admission."""

from pathlib import Path

import pytest

from sampan.apiserver.admission.config_file import ConfigFileError, read
from sampan.apiserver.admission.configuration import AdmissionConfiguration
from sampan.apiserver.admission.event_rate_limit.limits import Limit
from sampan.apiserver.admission.resource_quota.limited import LimitedResource
from sampan.kinds.quota.scopes import Term

HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n"
FULL = (
    HEAD
    + """
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: baseline, enforce-version: v1.30, warn: restricted}
    exemptions: {usernames: [ops], namespaces: [kube-system], runtimeClasses: [vm]}
- name: ResourceQuota
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: ResourceQuotaConfiguration
    limitedResources:
    - resource: pods
      matchScopes: [{scopeName: PriorityClass, operator: In, values: [high]}]
    - {resource: persistentvolumeclaims, matchContains: [.storageclass.storage.k8s.io/requests.storage]}
- {name: EventRateLimit, path: events.yaml}
"""
)
EVENTS = """
apiVersion: eventratelimit.admission.k8s.io/v1alpha1
kind: Configuration
limits: [{type: Namespace, qps: 50, burst: 100, cacheSize: 2000}]
"""


def read_text(tmp_path: Path, text: str) -> AdmissionConfiguration:
    (tmp_path / "events.yaml").write_text(EVENTS)
    file = tmp_path / "admission.yaml"
    file.write_text(text)
    return read(file, AdmissionConfiguration(enable=frozenset({"EventRateLimit"})))


def test_everything_it_can_say(tmp_path: Path) -> None:
    found = read_text(tmp_path, FULL)
    assert found.enable == {"EventRateLimit"}
    security = found.pod_security
    assert tuple(map(str, security.defaults)) == ("baseline:v1.30", "privileged:latest", "restricted:latest")
    assert (security.usernames, security.namespaces, security.runtime_classes) == ({"ops"}, {"kube-system"}, {"vm"})
    assert found.limited_resources == (
        LimitedResource("pods", match_scopes=(Term("PriorityClass", "In", ("high",)),)),
        LimitedResource("persistentvolumeclaims", match_contains=(".storageclass.storage.k8s.io/requests.storage",)),
    )
    assert found.event_limits == (Limit("Namespace", 50, 100, 2000),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "admission.yaml"),
        ("kind: Pod", "a AdmissionConfiguration of apiserver.config.k8s.io/v1 is expected"),
        (HEAD + "- name: Nope\n", "plugins: 'Nope' takes no configuration"),
        (HEAD + "- name: PodSecurity\n", "a PodSecurityConfiguration of pod-security"),
        (FULL.replace("enforce: baseline", "enforce: strict"), "PodSecurity: must be one of privileged, baseline"),
        (FULL.replace("v1.30", "30"), "PodSecurity: "),
        (FULL.replace("resource: pods", "kind: pods"), "ResourceQuota: 'resource'"),
        (FULL.replace("path: events.yaml", "configuration: 7"), "a Configuration of eventratelimit"),
    ],
)
def test_what_it_can_not_say(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigFileError) as error:
        read_text(tmp_path, text)
    assert why in str(error.value)


@pytest.mark.parametrize("wrong", ["limits: []", "limits: [{type: X, qps: 1, burst: 1}]", "limits: [{type: User}]"])
def test_limits_that_are_none(tmp_path: Path, wrong: str) -> None:
    global_text = EVENTS.replace("limits: [{type: Namespace, qps: 50, burst: 100, cacheSize: 2000}]", wrong)
    file = tmp_path / "admission.yaml"
    file.write_text(HEAD + "- {name: EventRateLimit, path: other.yaml}\n")
    (tmp_path / "other.yaml").write_text(global_text)
    with pytest.raises(ConfigFileError, match="EventRateLimit: "):
        read(file, AdmissionConfiguration())
