"""Every file gives one kind, and what it declares fits the schema."""

import importlib
import pkgutil

import pytest

import sampan.kinds
from sampan.machinery.kind import Kind, Served
from tests.catalogue import CATALOGUE

MODULES = [m.name for m in pkgutil.walk_packages(sampan.kinds.__path__, "sampan.kinds.") if not m.ispkg]
EVERY = {kind.name: kind for kind in CATALOGUE.kinds}


def test_every_module_gives_its_own_kind():
    kinds = [vars(importlib.import_module(name)).get("KIND") for name in MODULES]
    found = [kind for kind in kinds if kind is not None]
    assert len({id(kind) for kind in found}) == len(found)
    assert set(map(id, found)) == set(map(id, CATALOGUE.kinds))


def test_places_and_names_are_taken_once():
    places = [(v.group, v.version, k.plural) for k in CATALOGUE.kinds for v in k.versions]
    assert len(places) == len(set(places)) == len(CATALOGUE.by_resource) == len(CATALOGUE.by_kind)
    shorts = [short for kind in CATALOGUE.kinds for short in kind.short_names]
    assert len(shorts) == len(set(shorts))


@pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
def test_definitions_exist_and_old_versions_say_so(kind: Kind):
    for version in kind.versions:
        assert version.definition in CATALOGUE.schema
        old = version is not kind.storage and "beta" in version.version
        gone = all(version.removed for version in kind.versions)  # the whole kind
        assert bool(version.deprecated and version.removed) == (old or gone or "alpha" in version.version)


@pytest.mark.parametrize(
    "served", CATALOGUE.by_resource.values(), ids=lambda s: f"{s.version.api_version} {s.kind.name}"
)
def test_rules_fit_the_schema(served: Served):
    """Made without an error, and every rule is reached."""
    assert CATALOGUE.validator(served) is CATALOGUE.validator(served)


@pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
def test_columns_have_a_name_and_a_description(kind: Kind):
    assert len({column.name for column in kind.columns}) == len(kind.columns)
    assert all(column.description for column in kind.columns)
