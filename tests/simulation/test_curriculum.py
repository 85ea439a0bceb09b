"""The tables of the campus are what the figures say."""

import datetime as dt
from collections import Counter

import numpy as np
import pytest

from homeroom.simulation.curriculum import (
    ACTIVITIES,
    COUNTRIES,
    VERBS,
    Kind,
    activity_of,
    course_name,
    make_rules,
)


def test_countries_are_dealt_by_their_share():
    shares = {place: share for place, (_, _, share) in enumerate(COUNTRIES)}
    assert sum(shares.values()) == 100
    dealt = Counter(make_rules(dt.date(2025, 1, 6), 30, 3)["country_of"].tolist())
    for place, share in shares.items():
        assert dealt[place] == pytest.approx(share / 100 * 1024, abs=1)


def test_runs_begin_on_mondays_within_the_world():
    start = dt.date(2025, 1, 8)
    runs = make_rules(start, 120, 9)["run_start"][:9].tolist()
    assert len(set(runs)) == 4
    assert max(runs) < 120
    assert all((start + dt.timedelta(days=day)).weekday() == 0 for day in runs)


def test_offsets_follow_daylight_saving():
    rules = make_rules(dt.date(2025, 3, 29), 3, 1)
    berlin = [zone for _, zone, _ in COUNTRIES].index("Europe/Berlin")
    assert (rules["offset_ms"][berlin, :3] // 3_600_000).tolist() == [1, 2, 2]


def test_stays_are_long_for_few_and_short_for_many():
    stays = make_rules(dt.date(2025, 1, 6), 30, 3)["persistence"] / 1024
    assert (np.diff(stays) <= 0).all()
    assert stays[512] < 20
    assert stays[20] > 100


def test_every_activity_has_a_name_of_its_own():
    activities = [activity_of(number) for number in range(3 * ACTIVITIES)]
    assert len({a.iri for a in activities}) == len(activities)
    assert activities[ACTIVITIES].iri == course_name(1) == activities[ACTIVITIES + 5].course


def test_every_kind_has_a_verb():
    assert len(VERBS) == len(Kind)
