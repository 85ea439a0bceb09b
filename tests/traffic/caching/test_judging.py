"""Whether an answer may be told: by what touched its tenant, by what its reader wants, by what was taken away."""

import pytest

from homeroom.traffic.caching.judging import Standing, is_due, judge, vector_of
from tests.traffic.caching.answers import NOW_MS, at, kept, want

CURRENT, WITHIN, STALE = Standing


def stands(answer, wanted, now_ms=NOW_MS, stale_ms=0):
    return judge(answer, wanted, now_ms, stale_ms)


def test_an_answer_is_current_while_nothing_has_touched_its_tenant_since():
    answer = kept(applied=at(a=3))
    assert stands(answer, want(here=at(a=3))) is CURRENT
    assert stands(answer, want(here=at(a=9, b=4), touched=at(a=3))) is CURRENT
    assert stands(answer, want(here=at(a=4))) is None


def test_an_answer_of_a_node_that_knows_more_is_current_here():
    assert stands(kept(applied=at(a=8, b=2)), want(here=at(a=3, b=2))) is CURRENT


def test_counts_that_were_not_exact_are_not_current_once_the_engine_counts_exactly():
    answer = kept(applied=at(a=3), is_settled=False)
    assert stands(answer, want(here=at(a=3))) is CURRENT
    assert stands(answer, want(here=at(a=3), is_settled=True)) is None


def test_an_answer_that_is_current_is_one_of_all_that_is_folded():
    answer, wanted = kept(applied=at(a=3, c=1)), want(here=at(a=9, b=4), touched=at(a=3))
    assert vector_of(answer, wanted, CURRENT) == at(a=9, b=4, c=1)
    assert vector_of(answer, wanted, STALE) == at(a=3, c=1)


def test_a_reader_reads_what_it_wrote():
    answer = kept(applied=at(a=3))
    assert stands(answer, want(here=at(a=3), after=at(a=4)), stale_ms=9_000) is None
    assert stands(answer, want(here=at(a=3, b=7), touched=at(a=3), after=at(b=7))) is CURRENT
    assert stands(answer, want(here=at(a=4), after=at(a=3)), stale_ms=9_000) is STALE
    assert stands(answer, want(here=at(a=4), after=at(a=4)), stale_ms=9_000) is None


def test_nothing_from_before_something_was_taken_away_is_told_to_anybody():
    answer = kept(applied=at(a=3))
    gone = want(here=at(a=4), floor=at(a=4), lag_ms_max=60_000, lag_ms=lambda _kept, _vector: 0)
    assert stands(answer, gone, stale_ms=9_000) is None
    assert stands(answer, want(here=at(a=4), floor=at(a=4)), stale_ms=9_000) is None


def test_a_reader_who_says_how_old_it_may_be_is_told_that_and_nothing_older():
    answer = kept(applied=at(a=3))

    def asked(lag_ms):
        return want(here=at(a=4), lag_ms_max=2_000, lag_ms=lambda _kept, _vector: lag_ms)

    assert stands(answer, asked(2_000)) is WITHIN
    assert stands(answer, asked(2_001), stale_ms=9_000) is None
    assert stands(answer, asked(None), stale_ms=9_000) is None


@pytest.mark.parametrize(
    ("passed_ms", "found"), [(0, STALE), (8_999, STALE), (9_000, None), (-1, None)]
)
def test_what_is_stale_is_told_for_a_while_and_never_by_a_clock_that_was_set_back(passed_ms, found):
    wanted = want(here=at(a=4))
    assert stands(kept(applied=at(a=3)), wanted, NOW_MS + passed_ms, 9_000) is found


def test_without_a_setting_nothing_stale_is_told():
    assert stands(kept(applied=at(a=3)), want(here=at(a=4))) is None


def test_a_refresh_comes_before_the_end_and_the_earlier_the_dearer_the_answer():
    cheap, dear = kept(cost_ms=1.0), kept(cost_ms=10_000.0)
    at_ms = NOW_MS + 50_000  # ten seconds before the end
    assert not is_due(cheap, at_ms, 0.3)
    assert is_due(dear, at_ms, 0.3)
    assert not is_due(dear, at_ms, 1.0)
    assert is_due(cheap, NOW_MS + 60_000, 1.0)
