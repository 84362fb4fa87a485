"""What is wrong with where a PersistentVolume lies. Types that pods have too are checked as theirs.

Rules and texts: k8s.io/kubernetes/pkg/apis/core/validation (validate*PersistentVolumeSource).
"""

import re
from collections.abc import Callable

from sampan.kinds.checks import Errors, optional_name, required_name
from sampan.kinds.core.mount_validation import no_backsteps
from sampan.kinds.core.volume_validation import validate_source
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, check, dns_label, dns_subdomain, forbidden, invalid, required, too_long

SOURCES = (  # in the order in which they count, when there are several
    *("hostPath", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs", "rbd", "quobyte"),
    *("cephfs", "iscsi", "cinder", "fc", "flexVolume", "azureFile", "vsphereVolume", "photonPersistentDisk"),
    *("portworxVolume", "azureDisk", "scaleIO", "local", "storageos", "csi"),
)
_RESERVED = (".kubernetes.io", ".k8s.io")
_MAX_DRIVER = 63
_INITIATORS = (
    re.compile(r"iqn\.\d{4}-\d{2}\.[A-Za-z0-9.-]+:[^,;*&$|\s]+", re.ASCII),
    re.compile(r"eui.[A-Za-z0-9]{16}"),
    re.compile(r"naa.[A-Za-z0-9]{32}"),
)
_SECRETS = ("controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef")


def validate_sources(spec: Object, name: str, path: Path) -> Errors:
    """Exactly one source, and nothing wrong with it. `name` is the volume's."""
    present = [type_ for type_ in SOURCES if spec.get(type_) is not None]
    if not present:
        yield required(path, "must specify a volume type")
        return
    for extra in present[1:]:
        yield forbidden(path.child(extra), "may not specify more than 1 volume type")
    type_ = present[0]
    source, at = spec[type_], path.child(type_)
    if type_ == "iscsi":
        yield from _iscsi(source, name, at)
    elif special := _SPECIAL.get(type_):
        yield from special(source, at)
    else:
        yield from validate_source(type_, source, at)


def validate_driver_name(name: str, path: Path | str) -> Errors:
    """The name of a CSI driver: a domain that is a label's length, in any case."""
    if not name:
        yield required(path)
        return
    if len(name.encode(errors="replace")) > _MAX_DRIVER:
        yield too_long(path, _MAX_DRIVER)
    yield from check(path, name, dns_subdomain(name.lower()))


def _csi(source: Object, path: Path) -> Errors:
    yield from validate_driver_name(source.get("driver") or "", path.child("driver"))
    if not source.get("volumeHandle"):
        yield required(path.child("volumeHandle"))
    for field in _SECRETS:
        if (secret := source.get(field)) is not None:
            yield from required_name(path.child(field, "name"), secret.get("name"), dns_subdomain)
            yield from required_name(path.child(field, "namespace"), secret.get("namespace"), dns_label)


def _local(source: Object, path: Path) -> Errors:
    if not source.get("path"):
        yield required(path.child("path"))
    else:
        yield from no_backsteps(source["path"], path.child("path"))


def _fibre_channel(source: Object, path: Path) -> Errors:
    names, ids, lun, at = source.get("targetWWNs"), source.get("wwids"), source.get("lun"), path.child("targetWWNs")
    if not names and not ids:
        yield required(at, "must specify either targetWWNs or wwids, but not both")
    if names and ids:
        yield invalid(at, names, "targetWWNs and wwids can not be specified simultaneously")
    if names and lun is None:
        yield required(path.child("lun"), "lun is required if targetWWNs is specified")
    elif names:
        yield from _lun(lun or 0, path)


def _lun(lun: int, path: Path) -> Errors:
    if not 0 <= lun <= 255:
        yield invalid(path.child("lun"), lun, "must be between 0 and 255, inclusive")


def _iscsi(source: Object, name: str, path: Path) -> Errors:
    portal, iqn, initiator = source.get("targetPortal") or "", source.get("iqn") or "", source.get("initiatorName")
    if not portal:
        yield required(path.child("targetPortal"))
    if initiator is not None and len(f"{name}:{portal}".encode(errors="replace")) > 64:
        detail = (
            "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters "
            "if iscsi.initiatorName is specified."
        )
        yield invalid(path.child("targetportal"), portal, detail)
    if not iqn:
        yield required(path.child("iqn"))
    elif not _is_initiator(iqn):
        yield invalid(path.child("iqn"), iqn, "must be valid format")
    yield from _lun(source.get("lun") or 0, path)
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and source.get("secretRef") is None:
        yield required(path.child("secretRef"))
    yield from _secret(source, path, "name")
    if initiator is not None and not _is_initiator(initiator):
        yield invalid(path.child("initiatorname"), initiator, "must be valid format")


def _is_initiator(text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in _INITIATORS)


def _secret(source: Object, path: Path, *fields: str) -> Errors:
    if (secret := source.get("secretRef")) is not None:
        yield from (required(path.child("secretRef", field)) for field in fields if not secret.get(field))


def _flex(source: Object, path: Path) -> Errors:
    if not source.get("driver"):
        yield required(path.child("driver"))
    for key in source.get("options") or ():
        if f".{key.partition('/')[0].lower()}".endswith(_RESERVED):
            detail = "kubernetes.io and k8s.io namespaces are reserved"
            yield invalid(path.child("options").key(key), key, detail)


def _azure_file(source: Object, path: Path) -> Errors:
    yield from validate_source("azureFile", source, path)
    if source.get("secretNamespace") == "":
        yield required(path.child("secretNamespace"))


def _glusterfs(source: Object, path: Path) -> Errors:
    yield from validate_source("glusterfs", source, path)
    namespace, at = source.get("endpointsNamespace"), path.child("endpointsNamespace")
    if namespace == "":
        yield invalid(at, "", "if the endpointnamespace is set, it must be a valid namespace name")
    yield from optional_name(at, namespace, dns_label)


def _cinder(source: Object, path: Path) -> Errors:
    yield from validate_source("cinder", source, path)
    yield from _secret(source, path, "name", "namespace")


def _storageos(source: Object, path: Path) -> Errors:
    yield from required_name(path.child("volumeName"), source.get("volumeName"), dns_label)
    yield from optional_name(path.child("volumeNamespace"), source.get("volumeNamespace"), dns_label)
    yield from _secret(source, path, "name", "namespace")


def _flocker(source: Object, path: Path) -> Errors:
    name, uuid = source.get("datasetName") or "", source.get("datasetUUID") or ""
    if not name and not uuid:
        yield required(path, "one of datasetName and datasetUUID is required")
    if name and uuid:
        yield invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously")
    if "/" in name:
        yield invalid(path.child("datasetName"), name, "must not contain '/'")


_SPECIAL: dict[str, Callable[[Object, Path], Errors]] = {
    "azureFile": _azure_file,
    "cinder": _cinder,
    "csi": _csi,
    "fc": _fibre_channel,
    "flexVolume": _flex,
    "flocker": _flocker,
    "glusterfs": _glusterfs,
    "local": _local,
    "storageos": _storageos,
}
