"""What is wrong with a pod spec, in a Pod or in a template: ValidatePodSpec, but what podspec_rules.py declares.

The parts are in container_validation, volume_validation, scheduling_validation and security_validation. Called by
kinds/core/pod.py and, for templates, by kinds/workloads.py.
"""

from sampan.kinds.addresses import ip
from sampan.kinds.checks import Errors, each, optional_name
from sampan.kinds.core.container_validation import ContainerContext, validate_containers
from sampan.kinds.core.device_validation import validate_pod_claims
from sampan.kinds.core.pod_level_resources import validate_pod_level
from sampan.kinds.core.profile_validation import validate_profile_annotations
from sampan.kinds.core.scheduling_validation import validate_scheduling
from sampan.kinds.core.security_validation import validate_pod_security
from sampan.kinds.core.volume_validation import validate_volumes
from sampan.machinery.meta import Object
from sampan.machinery.validation import (
    Path,
    check,
    dns_subdomain,
    forbidden,
    invalid,
    one_of,
    qualified_name,
    required,
    validate_annotations,
    validate_labels,
)

_MAX_NAMESERVERS, _MAX_SEARCHES, _MAX_SEARCH_CHARS = 3, 32, 2048


def validate_template(template: Object, path: Path) -> Errors:
    """A PodTemplateSpec."""
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    yield from validate_labels(metadata.get("labels"), path.child("labels"))
    yield from validate_annotations(metadata.get("annotations"), path.child("annotations"))
    yield from validate_profile_annotations(template, path.child("annotations"))
    yield from validate_pod_spec(spec, path.child("spec"), is_pod=False)
    if spec.get("ephemeralContainers"):
        yield forbidden(path.child("spec", "ephemeralContainers"), "ephemeral containers not allowed in pod template")


def validate_pod_spec(spec: Object, path: Path, *, is_pod: bool) -> Errors:
    """A PodSpec. In a template a host port may still be missing, because it is given when the pod is made."""
    yield from validate_volumes(spec.get("volumes"), path.child("volumes"))
    yield from validate_containers(spec, path, ContainerContext.of(spec, is_pod=is_pod))
    yield from validate_pod_level(spec, path.child("resources"))
    yield from validate_pod_claims(spec.get("resourceClaims") or [], path.child("resourceClaims"))
    yield from validate_pod_security(spec, path)
    yield from validate_scheduling(spec, path)
    if (policy := spec.get("preemptionPolicy")) is not None:
        yield from one_of(path.child("preemptionPolicy"), policy, ("PreemptLowerPriority", "Never"))
    yield from _dns_config(spec, path.child("dnsConfig"))
    yield from each(path.child("readinessGates"), spec.get("readinessGates"), _readiness_gate)
    yield from each(path.child("hostAliases"), spec.get("hostAliases"), _host_alias)


def _readiness_gate(gate: Object, path: Path) -> Errors:
    kind = gate.get("conditionType") or ""
    yield from check(path.child("conditionType"), kind, qualified_name(kind))


def _host_alias(alias: Object, path: Path) -> Errors:
    yield from ip(path.child("ip"), alias.get("ip") or "")
    for name in alias.get("hostnames") or ():
        yield from check(path.child("hostnames"), name, dns_subdomain(name))


def _dns_config(spec: Object, path: Path) -> Errors:
    config = spec.get("dnsConfig") or {}
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    if spec.get("dnsPolicy") == "None" and not servers:
        detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        yield required(path.child("nameservers"), detail)
    if len(servers) > _MAX_NAMESERVERS:
        yield invalid(path.child("nameservers"), servers, f"must not have more than {_MAX_NAMESERVERS} nameservers")
    for index, server in enumerate(servers):
        yield from ip(path.child("nameservers").index(index), server)
    yield from _searches(searches, path.child("searches"))
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            yield required(path.child("options").index(index), "must not be empty")


def _searches(searches: list[str], path: Path) -> Errors:
    if len(searches) > _MAX_SEARCHES:
        yield invalid(path, searches, f"must not have more than {_MAX_SEARCHES} search paths")
    if len(" ".join(searches)) > _MAX_SEARCH_CHARS:
        detail = f"must not have more than {_MAX_SEARCH_CHARS} characters (including spaces) in the search list"
        yield invalid(path, searches, detail)
    for index, search in enumerate(searches):
        name = search.removesuffix(".")
        # Some resolvers look for names with underscores; "." alone means no search.
        yield from optional_name(path.index(index), name.replace("_", "-") if name else None, dns_subdomain)
