"""EndpointSlice: some of the addresses behind a Service."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="EndpointSlice",
    plural="endpointslices",
    versions=(ServedVersion("discovery.k8s.io", "v1", "io.k8s.api.discovery.v1.EndpointSlice"),),
    has_status=False,
)
