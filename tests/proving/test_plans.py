"""A plan is read whole, and what cannot be is refused before anything starts."""

import re
from pathlib import Path

import pytest

from homeroom.errors import ProvingError
from homeroom.proving import plans
from homeroom.proving.plans import GeographyPlan, LoadPlan, ResiliencePlan, light_ms, parse_plan

SHIPPED = sorted((Path(plans.__file__).parent / "plans").glob("*.toml"))
LOAD = """
test = "load"
name = "own"
learners = 500
seconds = 2.0
questions_per_second = 600.0
growth = [0.25, 0.5, 1.0]
[[criteria]]
measure = "errors"
below = 0.001
"""
GEOGRAPHY = (
    LOAD.replace('"load"', '"geography"').replace("growth = [0.25, 0.5, 1.0]\n", "")
    + '[users.Lagos]\nregion = "africa"\nlatitude = 6.5\nlongitude = 3.4\nshare = 1\n'
)
RESILIENCE = """
test = "resilience"
name = "own"
learners = 500
seconds = 20.0
questions_per_second = 60.0
faults = ["region"]
[[criteria]]
measure = "failover_s"
below = 10
"""


def test_the_shipped_plans_ask_what_is_to_be_proven():
    found = {path.stem: parse_plan(path.read_text(), path.name) for path in SHIPPED}
    assert list(found) == ["geography", "load-1", "load-2", "load-3", "resilience"]
    assert [one.name for one in found.values()] == list(found)
    loads = [found[f"load-{number}"] for number in (1, 2, 3)]
    assert [one.sizes.learners for one in loads] == [1_000_000, 2_500_000, 5_000_000]
    asked = {name: [one.asked for one in plan.criteria[:3]] for name, plan in found.items()}
    assert asked["load-3"] == [
        "< 0.001 share (aim 0.0005)",
        "< 100 ms",
        "≥ 15,600,000 a minute",
    ]
    assert asked["geography"] == ["< 50 ms", "< 80 ms", "< 100 ms"]
    assert asked["resilience"] == ["< 10 s (aim 8)", "< 30 s (aim 10)", "≤ 0 count"]
    faults = [one.name for one in found["resilience"].faults]
    assert faults[:4] == ["region", "database", "caches", "partition"]


def test_each_test_has_a_plan_of_its_own_kind():
    assert isinstance(parse_plan(LOAD, "plan"), LoadPlan)
    assert isinstance(parse_plan(RESILIENCE, "plan"), ResiliencePlan)
    plan = parse_plan(GEOGRAPHY, "plan")
    assert isinstance(plan, GeographyPlan)
    assert plan.test == "geography"
    assert [(one.place, one.region) for one in plan.users] == [("Lagos", "africa")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("=", "plan is no TOML"),
        ('test = "speed"', "must be one of load, geography, resilience"),
        (LOAD.replace("seconds = 2.0", "seconds = -1.0"), "seconds"),
        (LOAD.replace('name = "own"', 'name = "own"\nlerners = 5'), "lerners"),
        (LOAD.replace("below = 0.001\n", ""), "no bound"),
        (LOAD + "above = 0.5\n", "below and above"),
        (LOAD.replace("learners = 500", "learners = 900_000_000"), "must be at most"),
        (LOAD.replace("= 600.0", "= 1e9"), "questions in a run, must be at most"),
        (LOAD.replace("= 600.0", "= 100.0"), "that needs 1,000 of them"),
        (LOAD.replace("below = 0.001", "at_most = 0"), "that needs inf of them"),
        (LOAD + '[[criteria]]\nmeasure = "p99_ms"\nbelow = 5_000\n', "contradicts late_ms"),
        (LOAD.split("[[", maxsplit=1)[0], "without criteria"),
        (
            LOAD.replace("0.25, 0.5, ", "")
            + '[[criteria]]\nmeasure = "memory_growth"\nat_most = 1\n',
            "three sizes or more, and growth has 1",
        ),
        (RESILIENCE.replace('["region"]', '["regions"]'), "there is region"),
        (RESILIENCE.replace('["region"]', '["meteorite"]'), "there is region, pause"),
        (RESILIENCE.replace('["region"]', "[]"), "without faults proves nothing"),
        (RESILIENCE.replace('["region"]', '["region", "region"]'), "stands there twice"),
        (RESILIENCE.replace('["region"]', '["caches"]'), "none of the faults caches gives it"),
        (RESILIENCE.replace("below = 10", "below = 12"), "region is over after 12 s"),
        (RESILIENCE + 'of = "pause"\n', "failover_s of pause cannot be measured"),
        (RESILIENCE.replace("= 20.0", "= 11.0"), "these faults last 12 s"),
        (RESILIENCE + "[quick]\nseconds = 5.0\n", "and seconds == 5"),
        (GEOGRAPHY.split("[users")[0], "users at 0 places"),
        (GEOGRAPHY + '[[criteria]]\nmeasure = "p99_ms"\nof = "mars"\nbelow = 9\n', "no users"),
        (GEOGRAPHY + '[[criteria]]\nmeasure = "p99_ms"\nbelow = 8\n', "is impossible"),
    ],
)
def test_what_cannot_be_is_refused(text, said):
    with pytest.raises(ProvingError, match=re.escape(said)):
        parse_plan(text, "plan")


def test_the_quick_form_is_smaller_where_nothing_is_said():
    big = LOAD.replace("learners = 500", "learners = 5_000_000").replace("2.0", "300.0")
    quick = parse_plan(big, "plan").quick
    assert (quick.learners, quick.seconds, quick.questions_per_second) == (100_000, 20.0, 600.0)
    assert parse_plan(LOAD, "plan").quick == parse_plan(LOAD, "plan").sizes


def test_light_needs_at_least_so_long():
    # London to New York: 5,570 km along the great circle, twice, at 204 km a millisecond.
    assert light_ms((51.5, -0.1), (40.7, -74.0)) == pytest.approx(54.6, abs=0.3)
    assert light_ms((10, 10), (10, 10)) == 0
