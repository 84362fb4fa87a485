"""CustomResourceDefinition: defaults, both versions, and what is refused, in upstream's words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kinds.write import (
    CATALOGUE,
    cells,
    changed,
    create_errors,
    created,
    encoded,
    served,
    stored,
    update_errors,
    updated,
)

V1, OLD = "apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1"
VALIDATION = "spec.validation.openAPIV3Schema"
STRING = {"type": "string"}
SHIRT = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"color": STRING}}}}


def version(name: str = "v1", schema: Any = SHIRT, **more: Any) -> dict[str, Any]:
    return {"name": name, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, **more}


def crd(*versions: dict[str, Any], names: Any = None, **spec: Any) -> dict[str, Any]:
    body = {
        "group": "stable.example.com",
        "scope": "Namespaced",
        "names": {"plural": "shirts", "kind": "Shirt", **(names or {})},
        "versions": list(versions) or [version()],
        **spec,
    }
    return {
        "apiVersion": V1,
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{body['names']['plural']}.{body['group']}"},
        "spec": body,
    }


def schema_errors(schema: dict[str, Any], **more: Any) -> list[str]:
    return create_errors(crd(version(schema=schema, **more)))


def property_errors(schema: dict[str, Any]) -> list[str]:
    """The errors of a schema of one field, without the path to it."""
    told = schema_errors({"type": "object", "properties": {"x": schema}})
    return [error.removeprefix(f"{VALIDATION}.properties[x].") for error in told]


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


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({}, ["type: Required value: must not be empty for specified object fields"]),
        ({"type": "array"}, ["items: Required value: must be specified"]),
        (
            {"type": "strin"},
            [
                'type: Unsupported value: "strin": supported values: "array", "boolean", "integer", "number", '
                '"object", "string"'
            ],
        ),
        ({"type": "string", "$ref": "#/x"}, ["$ref: Forbidden: $ref is not supported"]),
        (
            {"type": "array", "items": STRING, "uniqueItems": True},
            [
                "uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes "
                "quadratic"
            ],
        ),
        (
            {"type": "object", "properties": {"a": STRING}, "additionalProperties": STRING},
            ["additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"],
        ),
        (
            {"type": "object", "x-kubernetes-preserve-unknown-fields": False},
            [
                "x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined",
            ],
        ),
        (
            {"type": "string", "pattern": "(a"},
            [
                'pattern: Invalid value: "(a": must be a valid regular expression, but isn\'t: '
                "error parsing regexp: missing closing ): `(a`"
            ],
        ),
        (
            {"type": "string", "anyOf": [{"type": "string"}]},
            ["anyOf[0].type: Forbidden: must be empty to be structural"],
        ),
        ({"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}, []),
        ({"x-kubernetes-int-or-string": True, "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}]}, []),
        (
            {"x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True},
            ["type: Required value: must be object if x-kubernetes-embedded-resource is true"],
        ),
        (
            {"type": "object", "x-kubernetes-embedded-resource": True},
            [
                "properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without "
                "x-kubernetes-preserve-unknown-fields"
            ],
        ),
        (
            {"type": "object", "default": {"a": 1}},
            ['default: Invalid value: {"a":1}: must not have unknown fields'],
        ),
        (
            {"type": "string", "default": 5},
            ['default: Invalid value: "integer":  in body must be of type string: "integer"'],
        ),
        (
            {"type": "string", "x-kubernetes-list-type": "set"},
            ['type: Invalid value: "string": must be array if x-kubernetes-list-type is specified'],
        ),
        (
            {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "set"},
            [
                "items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with "
                "x-kubernetes-list-type=set"
            ],
        ),
        (
            {"type": "array", "items": STRING, "x-kubernetes-list-type": "bag"},
            ['x-kubernetes-list-type: Unsupported value: "bag": supported values: "atomic", "set", "map"'],
        ),
        (
            {
                "type": "array",
                "items": {"type": "object", "properties": {"k": {**STRING, "nullable": True}}},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["k"],
            },
            [
                "items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it "
                "must have a default or be a required property",
                "items.properties[k].nullable: Forbidden: this property is in x-kubernetes-list-map-keys, so it cannot "
                "be nullable",
            ],
        ),
        (
            {
                "type": "object",
                "properties": {"a": STRING},
                "x-kubernetes-validations": [{"rule": " "}, {"rule": "a\nb", "reason": "Why", "fieldPath": ".b"}],
            },
            [
                "x-kubernetes-validations[0].rule: Required value: rule is not specified",
                "x-kubernetes-validations[1].message: Required value: message must be specified if rule contains line "
                "breaks",
                'x-kubernetes-validations[1].reason: Unsupported value: "Why": supported values: '
                '"FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"',
                'x-kubernetes-validations[1].fieldPath: Invalid value: ".b": must be a valid path',
            ],
        ),
    ],
)
def test_schemas(schema: dict[str, Any], told: list[str]) -> None:
    assert property_errors(schema) == told


def test_junctors_speak_only_of_what_is_specified() -> None:
    told = schema_errors({"type": "object", "anyOf": [{"properties": {"a": {"minLength": 1}}}]})
    assert told == [
        f"{VALIDATION}.properties[a]: Required value: because it is defined in {VALIDATION}.anyOf[0].properties[a]"
    ]


def test_metadata_may_restrict_names_only() -> None:
    def with_metadata(metadata: dict[str, Any]) -> list[str]:
        return schema_errors({"type": "object", "properties": {"metadata": metadata}})

    assert with_metadata({"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}}}) == []
    assert with_metadata({"type": "object", "properties": {"labels": {"type": "object"}}}) == [
        f"{VALIDATION}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, "
        "but metadata is implicitly specified"
    ]


def test_defaults_in_the_metadata_of_embedded_objects_make_valid_metadata() -> None:
    metadata = {"type": "object", "properties": {"name": {"type": "string", "default": "a/b"}}}
    node = {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"metadata": metadata}}
    (told,) = property_errors(node)
    assert told.startswith('properties[metadata].properties[name].default: Invalid value: "a/b": must result in valid')


def test_the_root_holds_nothing_for_status() -> None:
    told = schema_errors({**SHIRT, "anyOf": [{}]}, subresources={"status": {}})
    assert len(told) == 1
    assert told[0].endswith("fields are allowed at the root of the schema if the status subresource is enabled")
    assert schema_errors({**SHIRT, "anyOf": [{}]}) == []


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


def established(manifest: dict[str, Any]) -> dict[str, Any]:
    made = stored(manifest)
    made["status"]["conditions"] = [{"type": "Established", "status": "True"}]
    return made


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


def old_crd(**spec: Any) -> dict[str, Any]:
    names = {"plural": "foos", "kind": "Foo"}
    return {
        "apiVersion": OLD,
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "foos.example.com"},
        "spec": {"group": "example.com", "names": names, **spec},
    }


def test_a_definition_of_2017_is_accepted() -> None:
    made = created(old_crd(version="v1"))
    assert create_errors(old_crd(version="v1")) == []
    assert made["apiVersion"] == V1
    assert made["spec"]["versions"] == [{"name": "v1", "served": True, "storage": True}]
    assert (made["spec"]["scope"], made["spec"]["preserveUnknownFields"]) == ("Namespaced", True)
    assert made["status"]["storedVersions"] == ["v1"]


def test_what_stands_beside_the_versions_counts_for_all() -> None:
    versions = [{"name": name, "served": True, "storage": name == "v2"} for name in ("v1", "v2")]
    column = {"name": "Age", "type": "date", "JSONPath": ".metadata.creationTimestamp"}
    client = {"service": {"namespace": "a", "name": "b"}}
    manifest = old_crd(
        versions=versions,
        validation={"openAPIV3Schema": SHIRT},
        subresources={"status": {}},
        additionalPrinterColumns=[column],
        preserveUnknownFields=False,
        conversion={"strategy": "Webhook", "webhookClientConfig": client},
    )
    made = created(manifest)
    assert create_errors(manifest) == []
    assert [one["schema"]["openAPIV3Schema"] for one in made["spec"]["versions"]] == [SHIRT, SHIRT]
    assert made["spec"]["versions"][1]["additionalPrinterColumns"][0]["jsonPath"] == column["JSONPath"]
    assert made["spec"]["conversion"]["webhook"] == {
        "clientConfig": {"service": {"namespace": "a", "name": "b", "port": 443}},
        "conversionReviewVersions": ["v1beta1"],
    }
    assert "preserveUnknownFields" not in made["spec"]
    back = encoded(OLD, made)["spec"]
    assert back["validation"] == {"openAPIV3Schema": SHIRT}
    assert back["additionalPrinterColumns"] == [column]
    assert back["versions"] == versions
    assert back["version"] == "v1"


NODES = st.recursive(
    st.sampled_from([STRING, {"type": "integer", "minimum": 1.0}, {"x-kubernetes-int-or-string": True}]),
    lambda inner: st.one_of(
        inner.map(lambda node: {"type": "array", "items": node}),
        inner.map(lambda node: {"type": "object", "additionalProperties": node}),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(
            lambda fields: {"type": "object", "properties": fields}
        ),
    ),
    max_leaves=8,
)
VERSIONS = st.lists(st.tuples(NODES, st.booleans(), st.sampled_from([None, {"status": {}}])), min_size=1, max_size=3)


@given(VERSIONS)
def test_v1_through_v1beta1_and_back_is_the_same(given_versions: list[Any]) -> None:
    versions = [
        version(f"v{index}", {"type": "object", "properties": {"spec": node}}, storage=index == 0, served=is_served)
        | ({"subresources": subresources} if subresources else {})
        for index, (node, is_served, subresources) in enumerate(given_versions)
    ]
    manifest = crd(*versions)
    made = created(manifest)
    assert create_errors(manifest) == []
    codec = CATALOGUE.codec(CATALOGUE.by_kind[OLD, "CustomResourceDefinition"])
    assert codec.to_storage(codec.encode(made)) == made


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


def ruled(rule: str, **more: Any) -> dict[str, Any]:
    node = {"type": "object", "properties": {"size": {"type": "integer"}, **more}}
    node["x-kubernetes-validations"] = [{"rule": rule}]
    return {"type": "object", "properties": {"spec": node}}


def test_rules_compile() -> None:
    assert schema_errors(ruled("self.size > 1")) == []
    (told,) = schema_errors(ruled("self.length > 1"))
    assert told.startswith(f"{VALIDATION}.properties[spec].x-kubernetes-validations[0].rule: Invalid value: ")
    assert "undefined field 'length'" in told


def test_rules_of_what_is_not_sound_are_passed_over() -> None:
    told = schema_errors(ruled("self.length > 1", bad={"type": "strin"}))
    assert [error.partition(":")[0] for error in told] == [f"{VALIDATION}.properties[spec].properties[bad].type"]


def test_a_rule_may_not_cost_too_much() -> None:
    costly = ruled("self.l.all(x, self.l.all(y, x == y))", l={"type": "array", "items": STRING})
    told = schema_errors(costly)
    assert any("estimated rule cost exceeds budget by factor of more than 100x" in error for error in told)
    bounded = {"type": "array", "maxItems": 3, "items": {**STRING, "maxLength": 3}}
    assert schema_errors(ruled("self.l.all(x, self.l.all(y, x == y))", l=bounded)) == []


def test_a_rule_is_run_on_defaults() -> None:
    node = {**STRING, "default": "a", "x-kubernetes-validations": [{"rule": "self != 'a'", "message": "not a"}]}
    assert property_errors(node) == ['default: Invalid value: "a": not a']
