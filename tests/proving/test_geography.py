"""What users met in the phases of a run is judged by the first, and the others are told."""

from collections import Counter

import pytest

from homeroom.proving.criteria import Verdict, judge
from homeroom.proving.geography import Heard, Phase, Seen, Stage
from homeroom.proving.physics import Site, forbidden
from homeroom.proving.plans import parse_plan

PLAN = """
test = "geography"
name = "two"
learners = 100
seconds = 10.0
questions_per_second = 100.0
[[criteria]]
measure = "p99_ms"
of = "north"
below = 100
[[criteria]]
measure = "p99_ms"
below = 300
[[criteria]]
measure = "errors"
below = 0.05
[[criteria]]
measure = "errors"
of = "south"
below = 0.05
[users.A]
region = "north"
latitude = 50.0
longitude = 0.0
share = 3
[users.B]
region = "north"
latitude = 52.0
longitude = 13.0
share = 1
[users.C]
region = "south"
latitude = -30.0
longitude = 20.0
share = 1
"""
SITES = (
    Site(name="up", latitude=51.0, longitude=1.0),
    Site(name="down", latitude=-31.0, longitude=21.0),
)


def heard(region, *times_ms, **fields):
    one = Heard(asked=len(times_ms), region=region, **fields)
    one.latencies.add_all(times_ms)
    one.settled.add_all(times_ms[len(times_ms) // 2 :])
    return one


@pytest.fixture
def phases():
    well = Phase(stage=Stage.WELL, began_s=5.0, seconds=10.0, compared=10)
    well.heard = {
        "A": heard("up", *[20.0] * 100),
        "B": heard("up", *[40.0] * 100),
        "C": heard("down", *[10.0] * 100),
    }
    plain = Phase(stage=Stage.PLAIN, began_s=20.0, seconds=10.0)
    plain.heard = {place: heard("up", *[150.0] * 100) for place in "ABC"}
    down = Phase(stage=Stage.DOWN, began_s=40.0, seconds=10.0)
    down.heard = {
        "A": heard("up", *[21.0] * 100),
        "B": heard("up", *[41.0] * 100),
        "C": heard("up", *[900.0] * 50, *[190.0] * 50, first_s=1.5, late=3),
    }
    down.heard["C"].failed["gone"] += 2
    return [well, plain, down]


@pytest.fixture
def seen(phases):
    plan = parse_plan(PLAN, "two")
    cannot = forbidden(plan, SITES, [])
    return Seen(plan=plan, sites=SITES, down="down", phases=phases, cannot=cannot)


def figures(seen):
    return {name: one.figure for name, one in seen.measured("e.json").items()}


def test_the_phase_in_which_all_is_well_is_the_one_that_is_judged(seen):
    found = figures(seen)
    assert found["p99_ms of north"] == pytest.approx(40, rel=0.005)
    assert found["p99_ms"] == pytest.approx(40, rel=0.005)
    assert found["errors"] == 0
    verdicts = [judge(one, seen.measured("e")[one.name]).verdict for one in seen.plan.criteria]
    assert verdicts == [Verdict.PASS] * 4
    assert seen.measured("e.json")["errors"].evidence == "e.json#phases[0].places"


def test_what_failed_was_late_or_wrong_is_an_error(seen, phases):
    well = phases[0]
    well.heard["C"].failed["away"] += 3
    well.heard["C"].late += 2
    well.acknowledged.add_all([30.0] * 90)
    well.batches_failed = Counter({"full": 10})
    found = figures(seen)
    assert found["errors of south"] == pytest.approx(0.05)
    assert found["errors"] == pytest.approx(15 / 400)
    well.wrong = 1
    assert figures(seen)["errors"] == pytest.approx(15 / 400 + 0.1)


def test_a_run_that_was_stopped_before_the_first_phase_has_no_figures(seen):
    nothing = Seen(plan=seen.plan, sites=SITES, down="down", phases=[], cannot=[])
    assert nothing.measured("e.json") == {}
    assert nothing.series() == []
    assert nothing.timelines() == []
    assert nothing.map()["groups"][0]["p99_ms"] is None
    assert len(nothing.notes()) == 2


def test_who_moved_and_what_it_cost_them_is_told(seen):
    told = "\n".join(seen.notes())
    assert "judged with all 2 regions there and caches on" in told
    assert "with caches off the P99 of all users is 150 ms in place of 40 ms" in told
    assert "when down went down its users moved: C to up; each had an answer within 1.5 s" in told
    assert "users of south near down: P99 10 ms before, 900 ms from the moment" in told
    assert "190 ms in the second half of that time; 5 of 100 questions failed or were late" in told
    assert "the P99 of north cannot be < 100 ms while up is down" in told
    assert "too much to do" not in told


def test_a_machine_that_asks_late_is_told_of(seen, phases):
    phases[0].begun_late.add_all([1.0] * 90 + [80.0] * 10)
    assert any("asked 80 ms late or more" in note for note in seen.notes())


def test_the_timeline_begins_when_the_region_goes_down(seen):
    (line,) = seen.timelines()
    assert line.fault == "down goes down"
    assert [(one.what, one.begin_s) for one in line.events] == [
        ("down down", 40.0),
        ("users in C have an answer", 41.5),
    ]


def test_charts_have_a_line_a_phase(seen):
    assert [one.name for one in seen.series()] == ["all well", "caches off", "down down"]
    assert {one.x_unit for one in seen.series()} == {"share"}


def test_the_map_knows_who_answers_whom_and_what_is_allowed(seen):
    drawn = seen.map()
    a, _, c = drawn["users"]
    assert (a["nearest"], a["bound_ms"]) == ("up", 100)
    assert (c["nearest"], c["bound_ms"]) == ("down", 300)
    assert c["phases"]["a region down"]["answered_by"] == "up"
    assert [one["down"] for one in drawn["regions"]] == [False, True]
    north, south = drawn["groups"]
    assert (north["of"], north["latitude"], north["bound_ms"]) == ("north", 50.0, 100)
    assert south["p99_ms"] == pytest.approx(10, rel=0.005)


def test_figures_and_evidence_tell_every_phase(seen, phases):
    told = seen.figures()["phases"]
    assert [one["stage"] for one in told] == ["all well", "caches off", "a region down"]
    assert told[2]["errors"] == 5
    assert told[2]["settled_p99_ms"]["south"] == pytest.approx(190, rel=0.005)
    evidence = phases[2].to_json()
    assert evidence["places"]["C"]["failed"] == {"gone": 2}
    assert evidence["places"]["C"]["latencies"]["count"] == 100
