"""CustomResourceDefinition: defaults, what is refused, updates, columns and warnings, in upstream's words."""

from typing import Any

import pytest

from tests.kinds.definitions import (
    STRING,
    crd,
    established,
    version,
)
from tests.kinds.write import (
    CATALOGUE,
    cells,
    changed,
    create_errors,
    created,
    served,
    stored,
    update_errors,
    updated,
)


def test_what_is_left_out_has_defaults() -> None:
    made = created(crd(names={"shortNames": ["sh"]}))
    names = made["spec"]["names"]
    assert (names["singular"], names["listKind"]) == ("shirt", "ShirtList")
    assert made["spec"]["conversion"] == {"strategy": "None"}
    assert made["status"] == {
        "conditions": [],
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": ["v1"],
    }
    assert create_errors(crd()) == []


def test_a_schema_below_items_is_read_as_a_schema() -> None:
    items = {"type": "string", "nullable": False, "bogus": 1, "maxLength": None}
    schema = {"type": "object", "properties": {"x": {"type": "array", "items": items}}}
    made = created(crd(version(schema=schema)))
    assert made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["x"]["items"] == STRING


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (
            "items",
            {"type": 5},
            "json: cannot unmarshal number into Go struct field JSONSchemaProps.type of type string",
        ),
        ("additionalProperties", "yes", "boolean or JSON schema expected"),
    ],
)
def test_a_malformed_schema_is_refused(field: str, value: Any, told: str) -> None:
    codec = CATALOGUE.codec(served(crd()))
    with pytest.raises(Exception, match="cannot be handled as a CustomResourceDefinition") as caught:
        codec.decode(crd(version(schema={"type": "object", "properties": {"x": {field: value}}})))
    assert str(caught.value).endswith(told)


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        (crd(group="example"), ['spec.group: Invalid value: "example": should be a domain with at least one dot']),
        (crd(scope="Global"), ['spec.scope: Unsupported value: "Global": supported values: "Cluster", "Namespaced"']),
        (crd(scope=""), ["spec.scope: Required value"]),
        (
            changed(crd(), lambda it: it["metadata"].update(name="other.example.com")),
            ['metadata.name: Invalid value: "other.example.com": must be spec.names.plural+"."+spec.group'],
        ),
        (
            crd(names={"listKind": "Shirt"}),
            ['spec.names.listKind: Invalid value: "Shirt": kind and listKind may not be the same'],
        ),
        (
            crd(version(schema=None)),
            ["spec.versions[0].schema.openAPIV3Schema: Required value"],
        ),
        (
            crd(preserveUnknownFields=True),
            [
                "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set "
                "x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
            ],
        ),
        (
            crd(version(deprecationWarning="old")),
            ['spec.versions[0].deprecationWarning: Invalid value: "old": can only be set for deprecated versions'],
        ),
        (
            crd(conversion={"strategy": "Webhook"}),
            [
                "spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook",
                "spec.conversion.conversionReviewVersions: Required value",
            ],
        ),
        (
            crd(
                conversion={
                    "strategy": "Webhook",
                    "webhook": {"clientConfig": {"url": "https://a.example"}, "conversionReviewVersions": ["v2"]},
                }
            ),
            [
                'spec.conversion.conversionReviewVersions: Invalid value: ["v2"]: '
                "must include at least one of v1, v1beta1"
            ],
        ),
        (
            crd(group="widgets.k8s.io"),
            [
                "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval "
                'annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111'
            ],
        ),
    ],
)
def test_what_is_refused(manifest: dict[str, Any], told: list[str]) -> None:
    assert create_errors(manifest) == told


def test_exactly_one_version_is_stored() -> None:
    told = create_errors(crd(version("v1"), version("v2")))
    assert told[0].endswith("must have exactly one version marked as storage version")
    told = create_errors(crd(version("v1"), version("v1", storage=False)))
    assert len(told) == 1 and told[0].endswith("must contain unique version names")


@pytest.mark.parametrize("approval", ["unapproved, an experiment", "https://github.com/kubernetes/kubernetes/pull/1"])
def test_protected_groups_need_an_approval(approval: str) -> None:
    manifest = crd(group="widgets.k8s.io")
    manifest["metadata"]["annotations"] = {"api-approved.kubernetes.io": approval}
    assert create_errors(manifest) == []


def test_printer_columns_and_scale() -> None:
    columns = [{"name": "", "type": "text", "format": "int", "jsonPath": "spec.x"}]
    scale = {"specReplicasPath": ".status.n", "statusReplicasPath": "", "labelSelectorPath": ".metadata.x"}
    told = create_errors(crd(version(additionalPrinterColumns=columns, subresources={"scale": scale})))
    assert told == [
        'spec.subresources.scale.specReplicasPath: Invalid value: ".status.n": should be a json path under .spec',
        "spec.subresources.scale.statusReplicasPath: Required value",
        'spec.subresources.scale.labelSelectorPath: Invalid value: ".metadata.x": should be a json path under either '
        ".spec or .status",
        "spec.additionalPrinterColumns[0].name: Required value",
        'spec.additionalPrinterColumns[0].type: Invalid value: "text": must be one of '
        "boolean,date,integer,number,string",
        'spec.additionalPrinterColumns[0].format: Invalid value: "int": must be one of '
        "byte,date,date-time,double,float,int32,int64,password",
        'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec.x": must be a simple json path starting '
        "with .",
    ]


def test_selectable_fields() -> None:
    def told(*paths: str) -> list[str]:
        fields = [{"jsonPath": path} for path in paths]
        prefix = "spec.selectableFields"
        return [error.removeprefix(prefix) for error in create_errors(crd(version(selectableFields=fields)))]

    assert told(".spec.color") == []
    assert told(".spec.color", ".spec.color") == ['[1].jsonPath: Duplicate value: ".spec.color"']
    assert told(".spec.size") == [
        '[0].jsonPath: Invalid value: ".spec.size": is an invalid path: does not refer to a valid field'
    ]
    assert told(".spec") == [
        '[0].jsonPath: Invalid value: ".spec": must point to a field of type string, boolean or integer. Enum string '
        "fields and strings with formats are allowed."
    ]
    free = {"type": "object", "properties": {"spec": {"type": "object", "additionalProperties": True}}}
    (unknown,) = create_errors(crd(version(schema=free, selectableFields=[{"jsonPath": ".spec.color"}])))
    assert "must point to a field of type string, boolean or integer" in unknown
    assert told(".spec['color']") == [
        "[0].jsonPath: Invalid value: \".spec['color']\": is an invalid path: array notation is not allowed"
    ]


def test_names_are_settled_once_established() -> None:
    other = crd(names={"kind": "Blouse"}, scope="Cluster")
    assert update_errors(stored(crd()), other) == []
    assert update_errors(established(crd()), other) == [
        'spec.scope: Invalid value: "Cluster": field is immutable',
        'spec.names.kind: Invalid value: "Blouse": field is immutable',
    ]


def test_a_version_stays_while_objects_are_stored_in_it() -> None:
    both = crd(version("v1", storage=False), version("v2"))
    assert updated(stored(crd()), both)["status"]["storedVersions"] == ["v1", "v2"]
    assert update_errors(stored(crd()), both) == []
    (told,) = update_errors(stored(crd()), crd(version("v2")))
    assert told.startswith(
        'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version'
    )


def test_an_update_leaves_the_old_object_alone() -> None:
    old = stored(crd())
    updated(old, crd(version("v2")))
    assert old["status"]["storedVersions"] == ["v1"]


def test_what_was_wrong_before_may_stay_wrong() -> None:
    keyed = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]}
    loose = {**keyed, "items": {"type": "object", "properties": {"k": STRING}}}
    old = crd(version(schema={"type": "object", "properties": {"x": loose}}))
    new = crd(version(schema={"type": "object", "properties": {"x": loose, "y": STRING}}))
    assert create_errors(new) != []
    assert update_errors(stored(old), new) == []
    assert update_errors(stored(crd()), new) != []


def test_columns() -> None:
    made = established(crd(version("v2"), version("v1", storage=False), names={"shortNames": ["sh", "shi"]}))
    made["metadata"]["creationTimestamp"] = "2026-01-02T11:00:00Z"
    assert cells(made, wide=True) == [
        "Namespaced",
        "v1,v2(storage)",
        "2026-01-02T11:00:00Z",
        "stable.example.com",
        "Shirt",
        "sh,shi",
        True,
    ]


def test_warnings() -> None:
    items = {
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {"p": {"type": "string", "format": "x"}},
    }
    made = created(
        crd(
            version(
                schema={
                    "type": "object",
                    "properties": {"l": {"type": "array", "x-kubernetes-list-type": "set", "items": items}},
                }
            )
        )
    )
    kind = served(made).kind
    assert kind.warnings is not None
    assert list(kind.warnings(made)) == [
        'unrecognized format "x"',
        'x-kubernetes-list-type: set for items of type "object" is not supported by server-side apply or CEL '
        "validation rules",
    ]
