"""What is wrong with the volumes of a pod spec: ValidateVolumes.

Sources with rules of their own have a function; the rest only need some fields, listed in a table.
"""

from collections.abc import Callable, Iterable

from sampan.kinds.checks import Errors, each, supported
from sampan.kinds.core.certificate_projections import files_of, validate_pod_certificate, validate_trust_bundle
from sampan.kinds.core.env_validation import VOLUME_FIELDS, validate_field_ref, validate_resource_ref
from sampan.kinds.core.mount_validation import local_path, no_backsteps
from sampan.machinery import quantity
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, duplicate, forbidden, invalid, required

_MODE_TEXT = "must be a number between 0 and 0777 (octal), both inclusive"
_MIN_TOKEN_SECONDS, _MAX_TOKEN_SECONDS = 600, 1 << 32
_HOST_PATH_TYPES = (
    *("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"),
)


def validate_volumes(volumes: Iterable[Object] | None, path: Path) -> Errors:
    """Volumes have names of their own and one source each."""
    seen: set[str] = set()
    for index, volume in enumerate(volumes or ()):
        name, at = volume.get("name") or "", path.index(index)
        if name and name in seen:
            yield duplicate(at.child("name"), name)
        seen.add(name)
        yield from _source(volume, at)


def _source(volume: Object, path: Path) -> Errors:
    present = [type_ for type_, value in volume.items() if type_ != "name" and value is not None]
    if not present:
        yield required(path, "must specify a volume type")
        return
    for extra in present[1:]:
        yield forbidden(path.child(extra), "may not specify more than 1 volume type")
    yield from validate_source(present[0], volume[present[0]], path.child(present[0]))


def validate_source(type_: str, source: Object, path: Path) -> Errors:
    """What one type of volume needs to know."""
    for field in _REQUIRED.get(type_, ()):
        if not source.get(field):
            yield required(path.child(field))
    if check_source := _SOURCES.get(type_):
        yield from check_source(source, path)


_REQUIRED = {
    "awsElasticBlockStore": ("volumeID",),
    "azureDisk": ("diskName", "diskURI"),
    "azureFile": ("secretName", "shareName"),
    "cephfs": ("monitors",),
    "cinder": ("volumeID",),
    "configMap": ("name",),
    "csi": ("driver",),
    "ephemeral": ("volumeClaimTemplate",),
    "flexVolume": ("driver",),
    "gcePersistentDisk": ("pdName",),
    "gitRepo": ("repository",),
    "glusterfs": ("endpoints", "path"),
    "hostPath": ("path",),
    "image": ("reference",),
    "iscsi": ("targetPortal", "iqn"),
    "nfs": ("server", "path"),
    "persistentVolumeClaim": ("claimName",),
    "photonPersistentDisk": ("pdID",),
    "portworxVolume": ("volumeID",),
    "quobyte": ("registry", "volume"),
    "rbd": ("monitors", "image"),
    "scaleIO": ("gateway", "system", "volumeName"),
    "secret": ("secretName",),
    "vsphereVolume": ("volumePath",),
}


def _mode(mode: int | None, path: Path) -> Errors:
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid(path, mode, _MODE_TEXT)


def _keyed(source: Object, path: Path) -> Errors:
    """A ConfigMap's or Secret's keys as files."""
    yield from _mode(source.get("defaultMode"), path.child("defaultMode"))
    yield from each(path.child("items"), source.get("items"), _key_to_path)


def _key_to_path(item: Object, path: Path) -> Errors:
    if not item.get("key"):
        yield required(path.child("key"))
    if not item.get("path"):
        yield required(path.child("path"))
    else:
        yield from local_path(item["path"], path.child("path"))
    yield from _mode(item.get("mode"), path.child("mode"))


def _empty_dir(source: Object, path: Path) -> Errors:
    limit = source.get("sizeLimit")
    if limit is not None and quantity.compare(limit, "0") < 0:
        yield forbidden(path.child("sizeLimit"), "SizeLimit field must be a valid resource quantity")


def _host_path(source: Object, path: Path) -> Errors:
    if source.get("path"):
        yield from no_backsteps(source["path"], path.child("path"))
    yield from supported(path.child("type"), source.get("type"), _HOST_PATH_TYPES)


def _nfs(source: Object, path: Path) -> Errors:
    if source.get("path") and not source["path"].startswith("/"):
        yield invalid(path.child("path"), source["path"], "must be an absolute path")


def _image(source: Object, path: Path) -> Errors:
    return supported(path.child("pullPolicy"), source.get("pullPolicy"), ("Always", "IfNotPresent", "Never"))


def _downward(source: Object, path: Path) -> Errors:
    yield from _mode(source.get("defaultMode"), path.child("defaultMode"))
    yield from each(path, source.get("items"), _downward_file)


def _downward_file(item: Object, path: Path) -> Errors:
    """A file with a field of the pod or a resource of one of its containers."""
    if not item.get("path"):
        yield required(path.child("path"))
    else:
        yield from local_path(item["path"], path.child("path"))
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        yield from validate_field_ref(field, path.child("fieldRef"), VOLUME_FIELDS)
        if resource is not None:
            yield invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
    elif resource is not None:
        yield from validate_resource_ref(resource, path.child("resourceFieldRef"), in_volume=True)
    else:
        yield required(path, "one of fieldRef and resourceFieldRef is required")
    yield from _mode(item.get("mode"), path.child("mode"))


def _projected(source: Object, path: Path) -> Errors:
    yield from _mode(source.get("defaultMode"), path.child("defaultMode"))
    seen: set[str] = set()
    for index, projection in enumerate(source.get("sources") or ()):
        yield from _projection(projection, path.child("sources").index(index))
        for file in _files(projection):
            if file in seen:
                yield invalid(path, file, "conflicting duplicate paths")
            seen.add(file)


def _projection(projection: Object, path: Path) -> Errors:
    present = [type_ for type_, value in projection.items() if value is not None]
    for extra in present[1:]:
        yield forbidden(path.child(extra), "may not specify more than 1 volume type")
    for type_ in present[:1]:
        source, at = projection[type_], path.child(type_)
        if type_ in ("configMap", "secret"):
            if not source.get("name"):
                yield required(at.child("name"))
            yield from each(at.child("items"), source.get("items"), _key_to_path)
        elif type_ == "downwardAPI":
            yield from each(at, source.get("items"), _downward_file)
        elif type_ == "serviceAccountToken":
            yield from _token(source, at)
        elif type_ == "clusterTrustBundle":
            yield from validate_trust_bundle(source, at)
        elif type_ == "podCertificate":
            yield from validate_pod_certificate(source, at)


def _token(source: Object, path: Path) -> Errors:
    seconds = source.get("expirationSeconds", 3600)
    if seconds < _MIN_TOKEN_SECONDS:
        yield invalid(path.child("expirationSeconds"), seconds, "may not specify a duration less than 10 minutes")
    if seconds > _MAX_TOKEN_SECONDS:
        yield invalid(path.child("expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds")
    if not source.get("path"):
        yield required(path.child("path"))
    else:
        yield from local_path(source["path"], path.child("path"))


def _files(projection: Object) -> Iterable[str]:
    for source in projection.values():
        yield from (item["path"] for item in (source or {}).get("items") or () if item.get("path"))
        if (source or {}).get("path"):
            yield source["path"]
    yield from files_of(projection.get("podCertificate") or {})


_SOURCES: dict[str, Callable[[Object, Path], Errors]] = {
    "configMap": _keyed,
    "downwardAPI": _downward,
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "image": _image,
    "nfs": _nfs,
    "projected": _projected,
    "secret": _keyed,
}
