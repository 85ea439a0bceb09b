"""A tiny world on three continents is run from beginning to end, and what cannot be is refused before it starts."""

import json
import os
import signal
import threading

import pytest

from homeroom.errors import ProvingError
from homeroom.provers import geography
from homeroom.provers.geography import check_geography
from homeroom.provers.outcome import Proving
from homeroom.provers.plan_files import shipped_plans
from homeroom.provers.running import check, run_plan
from homeroom.proving.plans import parse_plan
from homeroom.proving.targets import parse_target

TINY = """
test = "geography"
name = "tiny"
learners = 200
days = 28
seconds = 1.5
questions_per_second = 20.0
batches_per_second = 2.0
late_ms = 60_000.0
regions = ["us-east", "eu-central", "singapore"]
[[criteria]]
measure = "p99_ms"
below = 60_000
[[criteria]]
measure = "p99_ms"
of = "asia-pacific"
below = 60_000
[[criteria]]
measure = "errors"
below = 0.9
[users."New York"]
region = "us"
latitude = 40.7
longitude = -74.0
share = 1
[users.Jakarta]
region = "asia-pacific"
latitude = -6.2
longitude = 106.8
share = 2
"""


def proving(folder, say=lambda text: None, target="embedded") -> Proving:
    return Proving(
        target=parse_target(target, None), report=folder, is_quick=False, learners=None, say=say
    )


def refused(text, tmp_path, **fields):
    with pytest.raises(ProvingError) as caught:
        check_geography(parse_plan(text, "plan"), proving(tmp_path / "report", **fields))
    assert not (tmp_path / "report").exists()
    return str(caught.value)


# --- what is refused -------------------------------------------------------------------------------------------------


def test_what_light_forbids_is_refused_with_what_would_help(tmp_path):
    text = TINY.replace(
        'below = 60_000\n[[criteria]]\nmeasure = "errors"',
        'below = 15\n[[criteria]]\nmeasure = "errors"',
    )
    text = text.replace("latitude = -6.2\nlongitude = 106.8", "latitude = 35.7\nlongitude = 139.7")
    said = refused(text, tmp_path)
    assert "p99_ms of asia-pacific < 15 ms" in said
    assert "for users in Jakarta light alone takes" in said
    assert "with tokyo beside the others" in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"singapore"', '"singapur"', "there is no region 'singapur' .* there is singapore"),
        ('["us-east", "eu-central", "singapore"]', '["us-east"]', "a world of one region"),
        ('["us-east", "eu-central", "singapore"]', '[]\ndown = "tokyo"', "which does not run"),
    ],
)  # fmt: skip
def test_regions_that_are_none_are_refused(old, new, said, tmp_path):
    with pytest.raises(ProvingError, match=said):
        check_geography(parse_plan(TINY.replace(old, new), "plan"), proving(tmp_path))


def test_other_targets_and_small_disks_are_refused(tmp_path, monkeypatch):
    assert "over distances" in refused(TINY, tmp_path, target="processes")
    monkeypatch.setattr(geography, "disk_bytes", lambda *_: 1 << 60)
    with pytest.raises(ProvingError, match="are free; take fewer learners"):
        check_geography(parse_plan(TINY, "plan"), proving(tmp_path))


def test_a_machine_whose_addresses_are_not_its_own_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(geography._Ground, "addresses", lambda _: ({"A": "192.0.2.1"}, {}))
    assert "192.0.2.1 is no address of this machine" in refused(TINY, tmp_path)


def test_the_shipped_plan_can_be_run_and_says_what_its_cables_forbid(tmp_path):
    (plan,) = shipped_plans("geography")
    assert check(plan, proving(tmp_path)) is plan
    told = [one.in_words for one in geography._Ground.of(plan).cannot()]
    assert "cables of this length take 100.7 ms" in told[0]
    assert "while singapore is down: for users in Sydney light alone" in told[1]
    assert geography._Ground.of(plan).down == "singapore"


def test_every_place_and_region_has_an_address_of_its_own():
    (plan,) = shipped_plans("geography")
    users, regions = geography._Ground.of(plan).addresses()
    assert len({*users.values(), *regions.values()}) == len(plan.users) + 8


# --- a run -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    how = proving(tmp_path_factory.mktemp("report"))
    results = run_plan(check(parse_plan(TINY, "tiny"), how), how)
    return how.report, results


def test_a_run_passes_over_real_distances_with_answers_that_were_compared(ran):
    _, results = ran
    assert results.has_passed, results.to_json()
    well, plain, down = results.figures["phases"]
    assert [one["stage"] for one in (well, plain, down)] == [
        "all well",
        "caches off",
        "a region down",
    ]
    assert well["compared"] >= 8
    assert well["wrong"] == plain["wrong"] == down["wrong"] == 0
    assert well["batches"] >= 1
    # Light takes 9.1 ms from Jakarta to Singapore and back, with the stretch and the last mile 21.6 ms.
    assert well["p99_ms"]["asia-pacific"] > 21.6


def test_users_of_the_region_that_went_down_are_answered_by_another(ran):
    _, results = ran
    assert results.figures["down"] == "singapore"
    new_york, jakarta = results.figures["map"]["users"]
    assert jakarta["phases"]["all well"]["answered_by"] == "singapore"
    after = jakarta["phases"]["a region down"]
    assert after["answered_by"] in ("us-east", "eu-central")
    # To Frankfurt and back are at least 163 ms of cable.
    assert after["p99_ms"] > 163
    assert new_york["phases"]["a region down"]["answered_by"] == "us-east"
    (line,) = results.timelines
    assert [one.what for one in line.events] == [
        "singapore down",
        "users in Jakarta have an answer",
    ]
    assert any(
        "when singapore went down its users moved: Jakarta to" in note for note in results.notes
    )


def test_a_run_leaves_results_and_evidence_and_nothing_else(ran):
    folder, results = ran
    assert sorted(path.name for path in folder.iterdir()) == ["tiny-evidence.json", "tiny.json"]
    evidence = json.loads((folder / "tiny-evidence.json").read_text())
    assert [one["stage"] for one in evidence["phases"]] == [
        one["stage"] for one in results.figures["phases"]
    ]
    assert len(evidence["physics"]["floors"]) == 3 * 4
    assert json.loads((folder / "tiny.json").read_text())["name"] == "tiny"


def test_an_interrupted_run_keeps_what_it_measured_and_says_so(tmp_path):
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals go to the main thread")

    def interrupt(text: str) -> None:
        if "caches off" in text:
            os.kill(os.getpid(), signal.SIGINT)

    how = proving(tmp_path, interrupt)
    results = run_plan(check(parse_plan(TINY, "tiny"), how), how)
    assert results.is_partial
    assert not results.has_passed
    assert results.figures["phases"][0]["questions"] > 0
    assert len(results.figures["phases"]) == 2
    assert results.findings[0].measured.figure is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny-evidence.json", "tiny.json"]
