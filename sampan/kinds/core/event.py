"""Event: what happened to an object; core/v1 and events.k8s.io are two views of one store."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="Event",
    plural="events",
    versions=(
        ServedVersion("", "v1", "io.k8s.api.core.v1.Event"),
        ServedVersion("events.k8s.io", "v1", "io.k8s.api.events.v1.Event"),
        ServedVersion(
            "events.k8s.io",
            "v1beta1",
            "io.k8s.api.events.v1.Event",
            deprecated="1.22",
            removed="1.25",
            replacement="events.k8s.io/v1 Event",
        ),
    ),
    short_names=("ev",),
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
)
