"""The rules for single fields of a pod spec, in a Pod or in a template. The others are in podspec_validation.py."""

from sampan.machinery.names import config_key, dns_label, dns_subdomain, env_var_name
from sampan.machinery.rules import Each, Enum, FieldRules, Format, Range, Required, Rules

_CORE = "io.k8s.api.core.v1."
_ID = Range(0, 2**31 - 1)  # of a user or group
_PORT = Range(1, 65535)
_SUBDOMAIN, _LABEL = Format(dns_subdomain), Format(dns_label)
_CONTAINER: Rules = {
    "name": (Required(), _LABEL),
    "image": Required(),
    "terminationMessagePolicy": (Required(), Enum(("File", "FallbackToLogsOnError"))),
    "imagePullPolicy": (Required(), Enum()),
}
_KEY: Rules = {"name": Required(), "key": (Required(), Format(config_key))}
_SOURCE: Rules = {"name": (Required(), _SUBDOMAIN)}

POD_SPEC_RULES: FieldRules = {
    _CORE + "PodSpec": {
        "containers": Required(),
        "restartPolicy": (Required(), Enum(("Always", "OnFailure", "Never"))),
        "dnsPolicy": (Required(), Enum(("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"))),
        "serviceAccountName": _SUBDOMAIN,
        "nodeName": _SUBDOMAIN,
        "priorityClassName": _SUBDOMAIN,
        "runtimeClassName": _SUBDOMAIN,
        "hostname": _LABEL,
        "subdomain": _LABEL,
        "activeDeadlineSeconds": Range(1, 2**31 - 1),
    },
    _CORE + "PodOS": {"name": (Required("cannot be empty"), Enum(("linux", "windows")))},
    _CORE + "PodSecurityContext": {
        "fsGroup": _ID,
        "runAsUser": _ID,
        "runAsGroup": _ID,
        "supplementalGroups": Each(_ID),
        "fsGroupChangePolicy": Enum(),
        "supplementalGroupsPolicy": Enum(),
    },
    _CORE + "SecurityContext": {"runAsUser": _ID, "runAsGroup": _ID, "procMount": Enum()},
    _CORE + "SeccompProfile": {"type": (Required("type is required when seccompProfile is set"), Enum())},
    _CORE + "AppArmorProfile": {"type": (Required(), Enum())},
    _CORE + "Volume": {"name": (Required(), _LABEL)},
    _CORE + "Container": _CONTAINER,
    _CORE + "EphemeralContainer": _CONTAINER,
    _CORE + "ContainerPort": {
        "containerPort": (Required(), _PORT),
        "hostPort": _PORT,
        "protocol": (Required(), Enum()),
    },
    _CORE + "EnvVar": {"name": (Required(), Format(env_var_name))},
    _CORE + "ConfigMapKeySelector": _KEY,
    _CORE + "SecretKeySelector": _KEY,
    _CORE + "EnvFromSource": {"prefix": Format(env_var_name)},
    _CORE + "ConfigMapEnvSource": _SOURCE,
    _CORE + "SecretEnvSource": _SOURCE,
    _CORE + "VolumeMount": {
        "name": Required(),
        "mountPath": Required(),
        "mountPropagation": Enum(),
        "recursiveReadOnly": Enum(("Disabled", "Enabled", "IfPossible")),
    },
    _CORE + "VolumeDevice": {"name": Required(), "devicePath": Required()},
    _CORE + "TopologySpreadConstraint": {"nodeAffinityPolicy": Enum(), "nodeTaintsPolicy": Enum()},
}
