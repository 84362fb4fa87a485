"""Numbers at their extremes are judged, never fallen over; what is accepted is printed and encoded.

Called as the kinds' own hooks are, without a server.
"""

import copy

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.machinery.errors import BadRequest
from sampan.machinery.kind import Served
from sampan.machinery.protobuf import encoder, message_of, parse_protobuf
from sampan.machinery.protobuf.envelope import wrap
from tests.catalogue import CATALOGUE
from tests.extremes import ANNOTATIONS, TEXTS, changed, changes, samples
from tests.kinds.test_any_object import judge
from tests.kinds.write import NOW

SERVED = {f"{served.version.api_version} {served.kind.name}": (served, tree) for served, tree in samples()}


@pytest.mark.parametrize(("served", "sample"), SERVED.values(), ids=SERVED)
@settings(max_examples=60)
@given(data=st.data())
def test_extreme_numbers_are_judged_printed_and_encoded(served: Served, sample: object, data: st.DataObject) -> None:
    codec = CATALOGUE.codec(served)
    wanted = [change for part in ("spec", "status", "") for change in data.draw(changes(served, sample, part))]
    try:
        stored = judge(served, changed(sample, wanted), None)
    except BadRequest:
        return
    for column in served.kind.columns:
        column.cell(stored, NOW)
    for version in served.kind.versions:
        orjson.dumps(CATALOGUE.codec(Served(served.kind, version)).encode(copy.deepcopy(stored)))
    named = served.version.api_version, served.kind.name
    if message := message_of(*named):
        codec.check(parse_protobuf(wrap(*named, encoder(message)(codec.encode(stored)))))


@given(st.sampled_from(("apps/v1 Deployment", "apps/v1 DaemonSet")), st.sampled_from(TEXTS))
def test_annotations_become_fields_of_older_versions_where_they_are_numbers(name: str, text: str) -> None:
    served, sample = SERVED[name]
    noted = [(("metadata", "annotations", annotation), text) for annotation in ANNOTATIONS]
    stored = judge(served, changed(sample, noted), None)
    for version in served.kind.versions:
        orjson.dumps(CATALOGUE.codec(Served(served.kind, version)).encode(copy.deepcopy(stored)))
