"""Whether an answer may be told: by what touched its tenant, by what its reader wants, by what was taken away."""

import pytest

from homeroom.traffic.caching.judging import OfPart, Standing, is_due, judge, told, vector_of
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


# --- a part of the data ----------------------------------------------------------------------------------------------


def of_part(touched, *under, frame=b',"all":2}'):
    return OfPart(touched=touched, under=frozenset(under or ("today",)), frame=frame, newest=7)


AT_THREE = at(a=3)


def a_part(applied=AT_THREE, value=b'{"it":1,"all":1}', **fields):
    return kept(value, applied, under="today", frame_bytes=len(b',"all":1}'), **fields)


def test_an_answer_about_a_part_is_current_while_nothing_has_touched_that_part():
    assert stands(a_part(), want(here=at(a=9), part=of_part(at(a=3)))) is CURRENT
    assert stands(a_part(), want(here=at(a=9), part=of_part(at(a=4)))) is None
    assert stands(kept(applied=at(a=3)), want(here=at(a=9), part=of_part(at(a=3)))) is None
    assert stands(a_part(), want(here=at(a=9))) is None


def test_it_is_told_with_what_is_said_of_all_data_by_now():
    wanted = want(here=at(a=9, b=1), part=of_part(at(a=3)))
    assert told(a_part(), wanted, CURRENT) == b'{"it":1,"all":2}'
    assert vector_of(a_part(), wanted, CURRENT) == at(a=9, b=1)


def test_one_that_is_told_though_it_is_old_is_told_as_it_was():
    wanted = want(here=at(a=9), part=of_part(at(a=4)))
    assert told(a_part(), wanted, STALE) == b'{"it":1,"all":1}'
    assert told(a_part(applied=at(a=9)), want(here=at(a=9)), CURRENT) == b'{"it":1,"all":1}'


def test_under_other_days_it_is_not_current():
    assert stands(a_part(), want(here=at(a=9), part=of_part(at(a=3), "tomorrow"))) is None
    assert stands(a_part(), want(here=at(a=9), part=of_part(at(a=3), "today", "now"))) is CURRENT


def test_one_that_was_made_of_more_than_is_folded_here_needs_no_part_or_is_not_current():
    """Its figures may have what the end does not tell of."""
    ahead = a_part(applied=at(a=3, b=5))
    assert stands(ahead, want(here=at(a=9, b=4), part=of_part(at(a=3)))) is None
    assert stands(ahead, want(here=at(a=9, b=5), part=of_part(at(a=3)))) is CURRENT
    whole = want(here=at(a=3, b=4), part=of_part(at(a=3)))
    assert stands(ahead, whole) is CURRENT
    assert told(ahead, whole, CURRENT) == ahead.value


def test_a_part_lowers_no_floor_and_lengthens_no_life():
    part = of_part(at(a=3))
    assert stands(a_part(), want(here=at(a=9), floor=at(a=4), part=part)) is None
    assert stands(a_part(), want(here=at(a=9), part=part), NOW_MS + 60_000) is None
    assert stands(a_part(), want(here=at(a=9), after=at(a=9), part=part)) is CURRENT
    assert stands(a_part(), want(here=at(a=9), after=at(a=10), part=part)) is None


def test_a_refresh_comes_before_the_end_and_the_earlier_the_dearer_the_answer():
    cheap, dear = kept(cost_ms=1.0), kept(cost_ms=10_000.0)
    at_ms = NOW_MS + 50_000  # ten seconds before the end
    assert not is_due(cheap, at_ms, 0.3)
    assert is_due(dear, at_ms, 0.3)
    assert not is_due(dear, at_ms, 1.0)
    assert is_due(cheap, NOW_MS + 60_000, 1.0)
