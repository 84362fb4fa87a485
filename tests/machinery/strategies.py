"""Hypothesis strategies for JSON."""

from hypothesis import strategies as st

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
keys = st.sampled_from(
    ("metadata", "spec", "name", "labels", "a", "b", "containers", "kind", "apiVersion", "status", "x/y", "~")
)
trees = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(keys | st.text(max_size=4), below, max_size=4),
    max_leaves=20,
)
objects = st.dictionaries(keys, trees, max_size=5)
