"""What an APIService with a Service says, as a value. Pure; follow.py keeps all of them."""

from typing import NamedTuple

from sampan.machinery.conditions import TRUE, find
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path

AVAILABLE = "Available"
GROUP = "apiregistration.k8s.io"
_OURS = ("", GROUP)  # a server that gave these away could not be told to take them back
_HTTPS = 443

GroupVersion = tuple[str, str]


class ServicePort(NamedTuple):
    """A port of a Service."""

    namespace: str
    name: str
    port: int

    @property
    def host(self) -> str:
        """The name that its certificate must have."""
        return f"{self.name}.{self.namespace}.svc"


class Backend(NamedTuple):
    """Who serves a group's version."""

    group: str
    version: str
    service: ServicePort
    ca_bundle: str  # base64 of PEM; "" trusts the system's certificates
    verify: bool
    available: bool
    group_priority: int
    version_priority: int

    @property
    def place(self) -> GroupVersion:
        """The group and version."""
        return self.group, self.version

    @property
    def path(self) -> str:
        """Where its discovery is, which every server has to have."""
        return f"/apis/{self.group}/{self.version}"


def service_of(api_service: Object) -> ServicePort | None:
    """The Service of an APIService; None where this server serves the version itself."""
    service = api_service["spec"].get("service")
    if service is None:
        return None
    return ServicePort(service["namespace"], service["name"], service.get("port") or _HTTPS)


def backend_of(api_service: Object) -> Backend | None:
    """The backend that an APIService names; None where this server serves the version itself."""
    spec, service = api_service["spec"], service_of(api_service)
    group = spec.get("group") or ""
    if service is None or group in _OURS:
        return None
    return Backend(
        group,
        spec["version"],
        service,
        spec.get("caBundle") or "",
        not spec.get("insecureSkipTLSVerify"),
        is_available(api_service),
        spec.get("groupPriorityMinimum") or 0,
        spec.get("versionPriority") or 0,
    )


def is_available(api_service: Object) -> bool:
    """Whether the last check went well."""
    condition = find(get_path(api_service, ("status", "conditions"), []), AVAILABLE)
    return condition is not None and condition["status"] == TRUE
