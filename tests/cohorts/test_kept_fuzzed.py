"""Whatever a client writes as a definition is refused with a reason, or kept: nothing else may come of it."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.cohorts.kept import check_change
from homeroom.errors import HomeroomError
from homeroom.log.control import Change, Control, DefinitionKind, DefinitionPut, TenantPut
from tests.examples import examples

CONTROL = Control().folded(Change(fact=TenantPut(name="main"), author="x", at_ms=0), 1)
WORDS = [
    *("attribute", "did", "first", "stopped", "sequence", "result", "list", "cohort", "not", "all"),
    *("any", "within", "last", "quiet", "in", "of", "where", "then_not", "during", "exactly"),
    *("at_least", "at_most", "unit", "about", "members", "start", "deadlines", "verb=read", "7d"),
    *("days", "field", "values", "op", "from", "to", "after", "before", "ago", "2026-01-01"),
]
TEXTS = st.sampled_from(WORDS) | st.text(max_size=4)
# JSON as it is decoded: numbers of any size, but no NaN.
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def check(kind, name, written):
    fact = DefinitionPut(tenant="main", kind=kind, name=name, written=written)
    with contextlib.suppress(HomeroomError):
        check_change(CONTROL, fact)
        msgspec.msgpack.encode(fact)


@examples(150)
@given(st.sampled_from(DefinitionKind), TEXTS, st.dictionaries(TEXTS, PLAIN, max_size=4))
def test_any_plain_data_is_refused_or_kept(kind, name, written):
    check(kind, name, written)


@pytest.mark.parametrize("kind", DefinitionKind)
@pytest.mark.parametrize(
    "written",
    [
        {"did": 1 << 64},
        {"did": "any", "at_least": 1 << 64},
        {"did": {"field": "verb", "values": [1]}},
        {"did": {"field": "verb", "values": "x"}},
        {"did": {"field": ["verb"], "values": ["x"]}},
        {"did": {"feld": "verb", "values": ["x"]}},
        {"did": [[]]},
        {"attribute": {}},
        {"list": []},
        {"members": [["x"]]},
        {"\ud800": 1},
    ],
    ids=str,
)
def test_what_was_found_is_refused(kind, written):
    check(kind, "x", written)
