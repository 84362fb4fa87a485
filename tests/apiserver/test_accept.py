"""Which form a client gets: rules, and the answers that kube-apiserver 1.37 gives to these headers."""

import pytest

from sampan.apiserver.accept import (
    ANSWERED,
    COLLECTION,
    CUSTOM,
    DISCOVERY,
    ERROR,
    JSON,
    OBJECT,
    PROTOBUF,
    VERSION,
    YAML,
    MediaTypeOptions,
    Offer,
)
from sampan.machinery.errors import NotAcceptable

TABLE = ";as=Table;g=meta.k8s.io;v=v1"
METADATA = ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
ROUTED = f"406: Not Acceptable\n\nAvailable representations: {JSON}, {YAML}, {PROTOBUF}"
NEGOTIATED = f"only the following media types are accepted: {JSON}, {YAML}, {PROTOBUF}"


def refused(offer: Offer, header: str) -> str:
    """What is said to who gets nothing."""
    with pytest.raises(NotAcceptable) as caught:
        offer.negotiate(header)
    return caught.value.message


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        (JSON, JSON),
        (YAML, YAML),
        (PROTOBUF, PROTOBUF),
        (f"{PROTOBUF},{JSON}", PROTOBUF),
        (f"{PROTOBUF};q=0.5,{JSON}", JSON),
        (f"{JSON};q=0.2,{YAML};q=0.8", YAML),
        (f"{JSON};q=0,{YAML}", YAML),
        (f"{JSON};q=nonsense,{YAML}", YAML),
        (f"*/*,{YAML}", YAML),
        ("text/html,*/*;q=0.1", JSON),
        (f",{JSON}", JSON),
        (f" {JSON} ; charset = utf-8 ", JSON),
        (f"{JSON};stream=watch", JSON),
        (f"{PROTOBUF};stream=watch", PROTOBUF),
        (f"{JSON};sv=v1", JSON),
        (f"{JSON};pretty=1;export=1;foo=bar", JSON),
        (f"{PROTOBUF}{TABLE},{PROTOBUF}", PROTOBUF),
        (f"{JSON};as=Unknown;g=meta.k8s.io;v=v1,{JSON}", JSON),
    ],
)
def test_objects(header: str, media_type: str) -> None:
    assert OBJECT.negotiate(header) == MediaTypeOptions(media_type)


@pytest.mark.parametrize(
    "header", ["*", "application/*", "*/json", "text/html", "application/yml", "application/cbor", "json", JSON.upper()]
)
def test_what_names_no_type_of_the_route(header: str) -> None:
    """Upstream's router knows whole types only, and is asked first; errors have no route."""
    assert refused(OBJECT, header) == ROUTED
    assert refused(COLLECTION, header) == f"{ROUTED}, {JSON};stream=watch, {PROTOBUF};stream=watch"


@pytest.mark.parametrize(
    "header",
    [
        f"{JSON};stream=foo",
        f"{YAML};stream=watch",
        f"{JSON};sv=v2",
        f"{JSON};as=Table",
        f"{JSON};g=meta.k8s.io",
        f'{JSON};as="Table";g=meta.k8s.io;v=v1',
        f"{JSON};as=Table;g=meta.k8s.io;v=v2",
        f"{JSON};as=Unknown;g=meta.k8s.io;v=v1",
        PROTOBUF + TABLE,
    ],
)
def test_what_no_clause_can_be_given(header: str) -> None:
    assert refused(OBJECT, header) == NEGOTIATED


def test_views() -> None:
    assert OBJECT.negotiate(JSON + TABLE) == MediaTypeOptions(JSON, "Table")
    assert OBJECT.negotiate(YAML + METADATA) == MediaTypeOptions(YAML, "PartialObjectMetadata")
    assert OBJECT.negotiate(PROTOBUF + METADATA) == MediaTypeOptions(PROTOBUF, "PartialObjectMetadata")
    assert OBJECT.negotiate(f"*/*{TABLE}") == MediaTypeOptions(JSON, "Table")
    old = OBJECT.negotiate(f"{JSON};as=Table;g=meta.k8s.io;v=v1beta1")
    assert (old.view, old.view_api_version) == ("Table", "meta.k8s.io/v1beta1")
    both = f"{PROTOBUF}{TABLE},{JSON}{TABLE}"
    assert OBJECT.negotiate(both) == MediaTypeOptions(JSON, "Table")


def test_what_is_only_answered_has_no_table() -> None:
    assert refused(ANSWERED, JSON + TABLE) == NEGOTIATED
    assert ANSWERED.negotiate(JSON + METADATA).view == "PartialObjectMetadata"


def test_custom_resources_have_messages_for_their_metadata_only() -> None:
    assert refused(CUSTOM, PROTOBUF) == NEGOTIATED
    assert refused(CUSTOM, "text/html") == NEGOTIATED
    assert CUSTOM.negotiate(f"{PROTOBUF},{JSON}") == MediaTypeOptions(JSON)
    assert CUSTOM.negotiate(PROTOBUF + METADATA) == MediaTypeOptions(PROTOBUF, "PartialObjectMetadata")
    assert CUSTOM.negotiate("application/*") == MediaTypeOptions(JSON)


def test_errors_have_no_views() -> None:
    assert ERROR.negotiate(PROTOBUF) == MediaTypeOptions(PROTOBUF)
    assert ERROR.negotiate(f"{JSON}{TABLE},{JSON}") == MediaTypeOptions(JSON)
    assert refused(ERROR, JSON + TABLE) == refused(ERROR, f"{JSON};sv=v1") == NEGOTIATED


def test_groups_have_no_route_and_versions_are_json() -> None:
    assert refused(DISCOVERY, "text/html") == NEGOTIATED
    VERSION.route(f"{JSON}{TABLE}")
    with pytest.raises(NotAcceptable, match=f"Available representations: {JSON}$"):
        VERSION.route(PROTOBUF)


def test_long_headers_are_looked_at_in_part() -> None:
    assert OBJECT.negotiate("a/b," * 99 + YAML) == MediaTypeOptions(YAML)
    assert refused(OBJECT, "a/b," * 100 + YAML) == NEGOTIATED
