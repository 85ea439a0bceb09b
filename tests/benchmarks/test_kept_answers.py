"""The benchmark of answers that are kept: everybody is answered, and always the same, whatever fails."""

import pytest

from benchmarks.page_cache import KEPT_HEADER, kept_rows
from tests.benchmarks.tiny import SIZES, result_of
from tests.redises import needs_redis


@pytest.mark.slow
@needs_redis
def test_all_who_ask_are_answered_the_same_through_a_flush_and_a_hang():
    result = result_of("kept_answers")
    load, asked = result["load"], 50
    assert [load[name]["asked"] for name in ("before", "flushed", "hung")] == [asked] * 3
    assert load["different"] == 0
    assert load["computed"] <= 3 * int(SIZES["kept_answers"][3])
    assert load["recovered_s"] is not None
    assert {len(row) for row in kept_rows(result)} == {len(KEPT_HEADER)}


def test_the_page_says_what_was_not_measured_for_want_of_a_redis():
    rows = list(kept_rows({"hit_us": {"found": 1.0, "judged": 2.0}, "redis": None}))
    assert {len(row) for row in rows} == {len(KEPT_HEADER)}
    assert "not measured" in rows[-1]
