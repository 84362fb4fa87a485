import gzip
import importlib.util
import json
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "schema.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("schema_tool", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_data_file_is_what_the_tool_makes(tool):
    assert tool.TARGET.read_text() == tool.render(tool.newest())


def test_the_descriptions_are_what_the_tool_makes(tool):
    made = {f"{place}.json.gz": text for place, text in tool.descriptions(tool.newest()).items()}
    assert {file.name: gzip.decompress(file.read_bytes()).decode() for file in tool.DESCRIPTIONS.iterdir()} == made


def test_the_type_language(tool):
    ref = {"$ref": "#/$defs/io.k8s.apimachinery.pkg.api.resource.Quantity"}
    assert tool.type_text({"type": ["object", "null"], "additionalProperties": ref}) == "{}quantity"
    assert tool.type_text({"type": ["array", "null"], "items": {"type": "string"}}) == "[]string"
    assert tool.type_text({"type": "integer", "format": "int32"}) == "int32"
    assert tool.type_text({"type": "string", "format": "byte"}) == "bytes"


def test_a_type_that_go_facts_lack_keeps_empty_values(tool):
    schema = {"properties": {"a": {"type": "string"}}, "required": ["a"]}
    assert tool.definition(schema, None) == {"fields": {"a": {"type": "string", "pointer": True}}, "required": ["a"]}
    assert tool.definition(schema, {"written": ["a"]})["fields"] == {"a": {"type": "string", "always": True}}
    assert json.loads(tool.GO_TYPES.read_text())["io.k8s.api.core.v1.PodSpec"]["written"] == ["containers"]
