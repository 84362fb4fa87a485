"""LeaseCandidate: who would take a Lease, and which version it has. In beta, and off by default upstream.

Rules and texts: k8s.io/kubernetes/pkg/apis/coordination/validation (KEP-4355). v1alpha1 had a list of strategies.
"""

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME, text
from sampan.kinds.inert import nothing_acts
from sampan.machinery.kind import Column, Conversion, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.rules import Immutable, Required
from sampan.machinery.schema import Field, Schema
from sampan.machinery.tree import get_path
from sampan.machinery.validation import check, invalid, not_supported, qualified_name, required

_GROUP, _NAME = "coordination.k8s.io", "LeaseCandidate"
_BETA, _ALPHA, _OLDEST = (f"io.k8s.api.coordination.{version}." for version in ("v1beta1", "v1alpha2", "v1alpha1"))
_STRATEGIES = ("OldestEmulationVersion",)


def _validate(candidate: Object) -> Errors:
    spec = candidate["spec"]
    emulation, binary, strategy = (spec.get(f) or "" for f in ("emulationVersion", "binaryVersion", "strategy"))
    yield from _versions(emulation, binary)
    path = SPEC.child("strategy")
    if strategy == "OldestEmulationVersion" and not emulation:
        detail = "must be specified when `strategy` is 'OldestEmulationVersion'"
        yield required(SPEC.child("emulationVersion"), detail)
    if "/" in strategy:
        yield from check(path.child("strategy"), strategy, qualified_name(strategy))
    elif strategy and strategy not in _STRATEGIES:
        yield not_supported(path.child("strategy"), strategy, _STRATEGIES)


def _versions(emulation: str, binary: str) -> Errors:
    """The parser is loaded here: only who elects leaders this way needs it."""
    from sampan.machinery.cel.errors import EvaluationError
    from sampan.machinery.cel.library.semver import parse_semver

    parsed = {}
    for field, version in (("emulationVersion", emulation), ("binaryVersion", binary)):
        try:
            parsed[field] = parse_semver(version) if version else None
        except EvaluationError:
            yield invalid(SPEC.child(field), version, "must be a valid semantic version")
    lowest, own = parsed.get("emulationVersion"), parsed.get("binaryVersion")
    if lowest and own and own < lowest:
        yield invalid(SPEC.child("binaryVersion"), binary, "must be greater than or equal to `emulationVersion`")


def _define(known: Schema) -> None:
    many: dict[str, str | Field] = {"preferredStrategies": "[]string"}
    known.derive(f"{_OLDEST}{_NAME}Spec", f"{_BETA}{_NAME}Spec", many, drop=["strategy"])
    known.derive(_OLDEST + _NAME, _BETA + _NAME, {"spec": f"{_OLDEST}{_NAME}Spec"})


def _from_list(candidate: Object) -> Object:
    spec = dict(candidate.get("spec") or {})
    strategies = spec.pop("preferredStrategies", None)
    return {**candidate, "spec": {**spec, "strategy": strategies[0]} if strategies else spec}


def _to_list(candidate: Object) -> Object:
    spec = {field: value for field, value in candidate["spec"].items() if field != "strategy"}
    strategy = candidate["spec"].get("strategy")
    return {**candidate, "spec": {**spec, "preferredStrategies": [strategy]} if strategy else spec}


def _lease_name(candidate: Object) -> str:
    return str(get_path(candidate, ("spec", "leaseName")) or "")


KIND = Kind(
    name=_NAME,
    plural="leasecandidates",
    versions=(
        ServedVersion(_GROUP, "v1beta1", _BETA + _NAME, deprecated="1.36", removed="1.39"),
        ServedVersion(_GROUP, "v1alpha2", _ALPHA + _NAME, deprecated="1.35", removed="1.38"),
        ServedVersion(
            _GROUP,
            "v1alpha1",
            _OLDEST + _NAME,
            convert=Conversion(_from_list, _to_list),
            deprecated="1.34",
            removed="1.37",
            replacement=f"{_GROUP}/v1beta1 {_NAME}",
        ),
    ),
    columns=(
        NAME,
        Column("LeaseName", text("spec", "leaseName"), description="The lease that it would take."),
        Column("BinaryVersion", text("spec", "binaryVersion"), description="Its version."),
        Column("EmulationVersion", text("spec", "emulationVersion"), description="The version that it behaves as."),
        AGE,
    ),
    rules={
        f"{_BETA}{_NAME}Spec": {
            "leaseName": (Required(), Immutable()),
            "binaryVersion": Required(),
            "strategy": Required(),
        }
    },
    validate=_validate,
    create_warnings=nothing_acts("no leader is chosen by it"),
    definitions=_define,
    selectable_fields={"spec.leaseName": _lease_name},
    name_rule="config-key",
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
    allow_unconditional_update=False,
)
