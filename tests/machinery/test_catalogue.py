"""The catalogue as a value: what one has, the next one keeps, and nobody else sees."""

import pytest

from sampan.machinery.catalogue import Catalogue
from sampan.machinery.kind import Kind, Served, ServedVersion
from tests.machinery.sample import DEPLOYMENT_KIND, POD, POD_KIND, kind

WIDGET = kind("Widget", "widgets", POD, "example.com")


def test_a_new_catalogue_leaves_the_old_one_as_it_was():
    before = Catalogue([POD_KIND])
    after = before.with_kinds([WIDGET])
    assert ("example.com", "v1", "widgets") in after.by_resource
    assert ("example.com", "v1", "widgets") not in before.by_resource
    assert after.by_kind["example.com/v1", "Widget"].kind is WIDGET
    assert after.stored("example.com", "widgets") is WIDGET and before.stored("example.com", "widgets") is None
    assert after.with_kinds([]).kinds == before.kinds


def test_codecs_are_made_once_and_outlive_a_catalogue():
    before = Catalogue([POD_KIND, DEPLOYMENT_KIND])
    codec = before.codec(Served(POD_KIND, POD_KIND.storage))
    assert before.codec(Served(POD_KIND, POD_KIND.storage)) is codec
    assert before.with_kinds([WIDGET]).codec(Served(POD_KIND, POD_KIND.storage)) is codec


def test_a_kind_that_changes_gets_a_new_codec():
    first = Catalogue([POD_KIND]).with_kinds([WIDGET])
    codec = first.codec(first.by_resource["example.com", "v1", "widgets"])
    changed = kind("Widget", "widgets", POD, "example.com", short_names=("w",))
    second = first.with_kinds([changed])
    assert second.codec(second.by_resource["example.com", "v1", "widgets"]) is not codec


def test_a_place_is_taken_once():
    with pytest.raises(ValueError, match="claimed by Pod and Twin"):
        Catalogue([POD_KIND, Kind(name="Twin", plural="pods", versions=(ServedVersion("", "v1", POD),))])


def test_catalogues_do_not_share_definitions():
    def define(schema):
        schema.define("test.v1.Own", {"a": "string"})

    own = kind("Own", "owns", "test.v1.Own", "example.com", definitions=define)
    assert "test.v1.Own" in Catalogue([own]).schema
    assert "test.v1.Own" not in Catalogue([POD_KIND]).schema


def test_two_kinds_may_share_defaults_but_not_contradict_each_other():
    shared = {POD: {"spec": {}}}
    other = kind("Other", "others", POD, "example.com", defaults=shared)
    place = ("", "v1", "pods")
    agreeing = Catalogue([kind("Pod", "pods", POD, defaults=shared), other])
    assert agreeing.codec(agreeing.by_resource[place]).decode({})[0]["spec"] == {}
    quarrelling = Catalogue([kind("Pod", "pods", POD, defaults={POD: {"spec": {"hostname": "x"}}}), other])
    with pytest.raises(ValueError, match="has another default"):
        quarrelling.codec(quarrelling.by_resource[place])
