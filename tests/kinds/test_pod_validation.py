"""Bad pods, each with exactly the errors that the API gives."""

import pytest

from sampan.kinds.core.profile_validation import APPARMOR_OF_CONTAINER, SECCOMP_OF_CONTAINER, SECCOMP_OF_POD
from tests.kinds.write import create_errors, pod, pod_with

DNS_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
C = "spec.containers[0]"
QUALIFIED = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"containers": []}, "spec.containers: Required value"),
        (
            {"restartPolicy": "Sometimes"},
            'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
        ),
        (
            {"dnsPolicy": "No"},
            'spec.dnsPolicy: Unsupported value: "No": supported values: '
            '"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
        ),
        (
            {"dnsPolicy": "None"},
            "spec.dnsConfig.nameservers: Required value: "
            "must provide at least one DNS nameserver when `dnsPolicy` is None",
        ),
        (
            {"activeDeadlineSeconds": 0},
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
        ),
        ({"hostname": "A"}, f'spec.hostname: Invalid value: "A": {DNS_LABEL}'),
        (
            {"volumes": [{"name": "v"}, {"name": "v"}]},
            'spec.volumes[1].name: Duplicate value: "v"',
        ),
        (
            {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]},
            "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
        ),
        ({"volumes": [{"name": "v", "hostPath": {"path": ""}}]}, "spec.volumes[0].hostPath.path: Required value"),
        (
            {"volumes": [{"name": "v", "hostPath": {"path": "/a/../b"}}]},
            "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
        ),
        ({"volumes": [{"name": "v", "secret": {}}]}, "spec.volumes[0].secret.secretName: Required value"),
        (
            {"volumes": [{"name": "v", "configMap": {"name": "c", "defaultMode": 512}}]},
            "spec.volumes[0].configMap.defaultMode: Invalid value: 512: "
            "must be a number between 0 and 0777 (octal), both inclusive",
        ),
        (
            {"volumes": [{"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "/p"}]}}]},
            'spec.volumes[0].configMap.items[0].path: Invalid value: "/p": must be a relative path',
        ),
        ({"volumes": [{"name": "v", "gitRepo": {}}]}, "spec.volumes[0].gitRepo.repository: Required value"),
        ({"volumes": [{"name": "v", "nfs": {"server": "s"}}]}, "spec.volumes[0].nfs.path: Required value"),
        (
            {"tolerations": [{"operator": "Equal", "value": "x"}]},
            'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, '
            'which means "match all values and all keys"',
        ),
        (
            {"tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 1}]},
            'spec.tolerations[0].effect: Invalid value: "NoSchedule": '
            "effect must be 'NoExecute' when `tolerationSeconds` is set",
        ),
        (
            {
                "affinity": {
                    "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}
                }
            },
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: "
            "Required value: must have at least one node selector term",
        ),
        (
            {"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]},
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        ),
        (
            {"nodeName": "n", "schedulingGates": [{"name": "g"}]},
            "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
        ),
        (
            {"ephemeralContainers": [{"name": "e", "image": "x"}]},
            "spec.ephemeralContainers: Forbidden: cannot be set on create",
        ),
        (
            {"initContainers": [{"name": "main", "image": "x"}]},
            'spec.initContainers[0].name: Duplicate value: "main"',
        ),
        (
            {"initContainers": [{"name": "i", "image": "x", "livenessProbe": {"exec": {"command": ["x"]}}}]},
            "spec.initContainers[0].livenessProbe: Forbidden: "
            "may not be set for init containers without restartPolicy=Always",
        ),
        (
            {"securityContext": {"runAsUser": -1}},
            "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
        ),
        (
            {"shareProcessNamespace": True, "hostPID": True},
            "spec.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled",
        ),
    ],
)
def test_pod_spec(spec, error):
    assert create_errors(pod(**spec)) == [error]


@pytest.mark.parametrize(
    ("container", "error"),
    [
        ({"name": ""}, f"{C}.name: Required value"),
        ({"name": "Main"}, f'{C}.name: Invalid value: "Main": {DNS_LABEL}'),
        ({"image": ""}, f"{C}.image: Required value"),
        ({"image": " x"}, f'{C}.image: Invalid value: " x": must not have leading or trailing whitespace'),
        (
            {"imagePullPolicy": "Maybe"},
            f'{C}.imagePullPolicy: Unsupported value: "Maybe": supported values: "Always", "IfNotPresent", "Never"',
        ),
        ({"ports": [{"name": "x"}]}, f"{C}.ports[0].containerPort: Required value"),
        (
            {"ports": [{"containerPort": 65536}]},
            f"{C}.ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive",
        ),
        (
            {"ports": [{"containerPort": 80, "protocol": "tcp"}]},
            f'{C}.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
        ),
        (
            {"ports": [{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]},
            f'{C}.ports[1].name: Duplicate value: "a"',
        ),
        (
            {"ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}]},
            f'{C}.ports[1].hostPort: Duplicate value: "TCP//80"',
        ),
        ({"env": [{"value": "x"}]}, f"{C}.env[0].name: Required value"),
        (
            {"env": [{"name": "A", "valueFrom": {}}]},
            f'{C}.env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, '
            "`configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        ),
        (
            {"env": [{"name": "A", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
            f'{C}.env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}]},
            f'{C}.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: '
            '"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", '
            '"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.none"}}}]},
            f'{C}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "status.none": '
            "error converting fieldPath: field label not supported: status.none",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"key": "k"}}}]},
            f"{C}.env[0].valueFrom.configMapKeyRef.name: Required value",
        ),
        (
            {"envFrom": [{}]},
            f'{C}.envFrom[0]: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
        ),
        ({"volumeMounts": [{"name": "v", "mountPath": "/"}]}, f'{C}.volumeMounts[0].name: Not found: "v"'),
        ({"livenessProbe": {}}, f"{C}.livenessProbe: Required value: must specify a handler type"),
        (
            {"livenessProbe": {"exec": {"command": ["x"]}, "tcpSocket": {"port": 1}}},
            f"{C}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
        ),
        (
            {"livenessProbe": {"exec": {"command": ["x"]}, "successThreshold": 2}},
            f"{C}.livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ),
        (
            {"readinessProbe": {"httpGet": {"port": 70000}}},
            f"{C}.readinessProbe.httpGet.port: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            {"readinessProbe": {"exec": {"command": ["x"]}, "periodSeconds": -1}},
            f"{C}.readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
        ),
        ({"lifecycle": {"preStop": {"exec": {}}}}, f"{C}.lifecycle.preStop.exec.command: Required value"),
        (
            {"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}},
            f'{C}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
        ),
        (
            {"resources": {"requests": {"memory": "-1"}}},
            f'{C}.resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
        ),
        (
            {"resources": {"requests": {"example.com/gpu": "1"}}},
            f"{C}.resources.limits: Required value: Limit must be set for non overcommitable resources",
        ),
        (
            {"resources": {"limits": {"pods": "1"}, "requests": {"pods": "1"}}},
            f'{C}.resources.limits[pods]: Invalid value: "pods": must be a standard resource for containers, '
            f'{C}.resources.requests[pods]: Invalid value: "pods": must be a standard resource for containers',
        ),
        (
            {"securityContext": {"privileged": True, "allowPrivilegeEscalation": False}},
            f'{C}.securityContext: Invalid value: {{"privileged":true,"allowPrivilegeEscalation":false}}: '
            "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
        ),
        (
            {"securityContext": {"seccompProfile": {"type": "Localhost"}}},
            f"{C}.securityContext.seccompProfile.localhostProfile: Required value: "
            "must be set when seccomp type is Localhost",
        ),
        (
            {"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "../../x"}}},
            f"{C}.securityContext.seccompProfile.localhostProfile: Invalid value: \"../../x\": must not contain '..'",
        ),
        (
            {"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "/x"}}},
            f'{C}.securityContext.seccompProfile.localhostProfile: Invalid value: "/x": must be a relative path',
        ),
        (
            {"securityContext": {"appArmorProfile": {"type": "Localhost", "localhostProfile": " x"}}},
            f'{C}.securityContext.appArmorProfile.localhostProfile: Invalid value: " x": '
            "must not be padded with whitespace",
        ),
        (
            {"securityContext": {"appArmorProfile": {"type": "Localhost", "localhostProfile": "x" * 4096}}},
            f"{C}.securityContext.appArmorProfile.localhostProfile: Too long: may not be more than 4095 bytes",
        ),
    ],
)
def test_container(container, error):
    assert ", ".join(create_errors(pod_with(**container))) == error


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        (SECCOMP_OF_POD, "localhost/../x", "must not contain '..'"),
        (SECCOMP_OF_CONTAINER + "main", "confined", "must be a valid seccomp profile"),
        (APPARMOR_OF_CONTAINER + "main", "mine", 'invalid AppArmor profile name: "mine"'),
        (APPARMOR_OF_CONTAINER + "other", "unconfined", "container not found"),
    ],
)
def test_profiles_as_annotations(key, value, error):
    manifest = pod() | {"metadata": {"name": "p", "annotations": {key: value}}}
    (found,) = create_errors(manifest)
    assert found.startswith("metadata.annotations") and found.endswith(f": {error}")


def test_mounts_need_their_own_places():
    mounts = [{"name": "v", "mountPath": "/a", "subPath": "../x"}, {"name": "v", "mountPath": "/a"}]
    manifest = pod(volumes=[{"name": "v"}], containers=[{"name": "main", "image": "x", "volumeMounts": mounts}])
    assert create_errors(manifest) == [
        f"{C}.volumeMounts.subPath: Invalid value: \"../x\": must not contain '..'",
        f'{C}.volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
    ]


def test_host_network_ports_agree():
    manifest = pod(
        hostNetwork=True,
        containers=[{"name": "main", "image": "x", "ports": [{"containerPort": 80, "hostPort": 81}]}],
    )
    detail = "must match `hostPort` when `hostNetwork` is true"
    assert create_errors(manifest) == [f"{C}.ports[0].containerPort: Invalid value: 80: {detail}"]


def test_sidecars_may_have_probes():
    sidecar = {"name": "s", "image": "x", "restartPolicy": "Always", "readinessProbe": {"tcpSocket": {"port": 1}}}
    assert create_errors(pod(initContainers=[sidecar])) == []


def test_node_selector_keys():
    assert create_errors(pod(nodeSelector={"a b": "c"})) == [f'spec.nodeSelector: Invalid value: "a b": {QUALIFIED}']


def test_everything_at_once_is_valid():
    container = {
        "ports": [{"containerPort": 80, "name": "http"}],
        "env": [
            {"name": "A.b-c", "value": "1"},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
        ],
        "envFrom": [{"prefix": "X_", "secretRef": {"name": "s"}}],
        "livenessProbe": {"grpc": {"port": 9000}},
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
        "securityContext": {"capabilities": {"drop": ["ALL"]}, "runAsUser": 0},
        "resources": {"limits": {"example.com/gpu": "1", "memory": "1Gi"}},
        "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "a/b"}],
    }
    manifest = pod_with(**container)
    manifest["spec"] |= {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}], "hostAliases": [{"ip": "::1"}]}
    assert create_errors(manifest) == []
