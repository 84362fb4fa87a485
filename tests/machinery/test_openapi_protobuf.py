"""The protobuf form of the OpenAPI v2 document, read back by an independent decoder built from the field numbers."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from sampan.machinery.openapi_protobuf import encode

STRING, MESSAGE, BOOL = 9, 11, 8
# message -> field -> (number, type, repeated)
FIELDS = {
    "Document": {
        "swagger": (1, STRING, False),
        "info": (2, "Info", False),
        "paths": (8, "Paths", False),
        "definitions": (9, "Definitions", False),
    },
    "Info": {"title": (1, STRING, False), "version": (2, STRING, False)},
    "Paths": {"path": (2, "NamedPathItem", True)},
    "NamedPathItem": {"name": (1, STRING, False), "value": (2, "PathItem", False)},
    "PathItem": {"get": (2, "Operation", False), "patch": (8, "Operation", False)},
    "Operation": {
        "operation_id": (5, STRING, False),
        "consumes": (7, STRING, True),
        "parameters": (8, "ParametersItem", True),
        "vendor_extension": (13, "NamedAny", True),
    },
    "ParametersItem": {"parameter": (1, "Parameter", False)},
    "Parameter": {"body": (1, "Body", False), "other": (2, "Other", False)},
    "Body": {"name": (2, STRING, False), "required": (4, BOOL, False), "schema": (5, "Schema", False)},
    "Other": {"query": (3, "Query", False)},
    "Query": {"location": (2, STRING, False), "name": (4, STRING, False), "type": (6, STRING, False)},
    "Definitions": {"items": (1, "NamedSchema", True)},
    "NamedSchema": {"name": (1, STRING, False), "value": (2, "Schema", False)},
    "Schema": {
        "ref": (1, STRING, False),
        "format": (2, STRING, False),
        "description": (4, STRING, False),
        "required": (19, STRING, True),
        "additional": (21, "Additional", False),
        "type": (22, "Words", False),
        "items": (23, "Items", False),
        "properties": (25, "Definitions", False),
        "vendor_extension": (31, "NamedAny", True),
    },
    "Additional": {"schema": (1, "Schema", False)},
    "Words": {"value": (1, STRING, True)},
    "Items": {"schema": (1, "Schema", True)},
    "NamedAny": {"name": (1, STRING, False), "value": (2, "Any", False)},
    "Any": {"yaml": (2, STRING, False)},
}


def decoder():  # type: ignore[no-untyped-def]
    file = descriptor_pb2.FileDescriptorProto(name="v2.proto", package="v2", syntax="proto3")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            added = message.field.add(name=field, number=number, label=3 if repeated else 1)
            added.type = MESSAGE if isinstance(kind, str) else kind
            if isinstance(kind, str):
                added.type_name = f".v2.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("v2.Document"))


PATCH = {
    "operationId": "patchThing",
    "consumes": ["application/merge-patch+json"],
    "parameters": [
        {"name": "body", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Thing"}},
        {"name": "fieldValidation", "in": "query", "type": "string"},
    ],
    "x-kubernetes-action": "patch",
}
THING = {
    "type": "object",
    "description": "A thing. " * 40,  # longer than one length byte can say
    "required": ["a"],
    "properties": {
        "a": {"type": "array", "items": {"type": "integer", "format": "int32"}},
        "b": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "x-kubernetes-group-version-kind": [{"group": "", "kind": "Thing", "version": "v1"}],
}


def test_what_kubectl_looks_at_survives() -> None:
    document = decoder()()
    tree = {
        "swagger": "2.0",
        "info": {"title": "T", "version": "v1"},
        "paths": {"/things/{name}": {"patch": PATCH}},
        "definitions": {"Thing": THING},
    }
    document.ParseFromString(encode(tree))
    assert (document.swagger, document.info.version) == ("2.0", "v1")
    (path,) = document.paths.path
    assert path.name == "/things/{name}"
    patch = path.value.patch
    assert (patch.operation_id, list(patch.consumes)) == ("patchThing", ["application/merge-patch+json"])
    assert patch.parameters[0].parameter.body.required
    assert patch.parameters[0].parameter.body.schema.ref == "#/definitions/Thing"
    assert patch.parameters[1].parameter.other.query.name == "fieldValidation"
    assert patch.vendor_extension[0].value.yaml == '"patch"'
    (thing,) = document.definitions.items
    assert (thing.name, thing.value.description, list(thing.value.required)) == ("Thing", THING["description"], ["a"])
    a, b = thing.value.properties.items
    assert (a.value.type.value[0], a.value.items.schema[0].format) == ("array", "int32")
    assert b.value.additional.schema.type.value[0] == "string"
    assert thing.value.vendor_extension[0].value.yaml == '[{"group":"","kind":"Thing","version":"v1"}]'
